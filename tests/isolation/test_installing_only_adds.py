"""P0: what a command that names existing things does, it does after installing too."""

from __future__ import annotations

from pathlib import Path

import pytest
from isolation.judging import Installation
from isolation.packages import SOUND, Package, hook

QUICK = (
    ("--version",),
    ("--help",),
    ("run", "--help"),
    ("run", "Say hi", "--agent", "architect", "--json"),
    ("run", "Say hi", "--agent", "archtect"),
    ("route", "Debug the login and test the API", "--json"),
    ("route", "Dream of the weather", "--json"),
    ("workflows", "show", "adaptive"),
    ("config", "--json"),
)

SLOW = (
    ("run", "Debug the login and test the API", "--json"),
    ("run", "Dream of the weather", "--json"),
    ("run", "Say hi", "--workflow", "strategic", "--json"),
    # One step after the other, so that its events are in one order.
    ("run", "Say hi", "--workflow", "sequential", "--json"),
    ("runs", "show", "last", "--events", "--json"),
)

HEALTHY = (
    SOUND
    + """
class Theirs:
    pass

"""
    + hook(
        """
        yield zg.AgentSpec(
            name="forecaster",
            description="Debug the login, test the API, dream of the weather.",
            factory="zg_eager:Sound",
            task_types=("technical", "general", "weather"),
            tools=("write_file",),
            overrides="builtin:architect",
        )
        """
    )
    + hook(
        """
        yield zg.ProviderSpec(
            name="better",
            factory="zg_eager:Theirs",
            default_model="best",
            detect=zg.Detect(env=("OPENAI_API_KEY",)),
            free=True,
        )
        """,
        "providers",
    )
    + "".join(
        hook(f'yield zg.{spec}(name="{name}", factory="zg_eager:Theirs"{more})', kind)
        for kind, spec, name, more in (
            ("tools", "ToolSpec", "read_everything", ""),
            ("classifiers", "ClassifierSpec", "eager", ""),
            ("exporters", "ExporterSpec", "eager", ""),
            ("guardrails", "GuardrailSpec", "no", ', stages=frozenset({"input"})'),
            ("journals", "JournalSpec", "eager", ""),
            ("runtimes", "RuntimeSpec", "eager", ""),
            ("commands", "CommandSpec", "eager", ""),
        )
    )
    + "".join(
        f"@zg.hookimpl\ndef zg_{name}(): raise SystemExit('called')\n\n"
        for name in ("run_started", "step_started", "model_called", "run_finished")
    )
)
"""A plugin that offers all there is, and wishes for more."""


@pytest.mark.parametrize(
    "commands",
    [
        pytest.param(QUICK, id="quick", marks=pytest.mark.heavy),
        pytest.param(SLOW, id="slow", marks=pytest.mark.heavy),
    ],
)
@pytest.mark.timeout(300)
def test_a_healthy_plugin_changes_nothing_that_was_there(
    tmp_path: Path, wire: str, commands: tuple[tuple[str, ...], ...]
) -> None:
    installation = Installation(tmp_path, wire)

    def seen() -> list[tuple[int, str, str]]:
        called = [installation.zg(*command) for command in commands]
        return [(one.code, installation.comparable(one.out), one.err) for one in called]

    before = seen()
    Package(name="zg-eager", code=HEALTHY).install(installation.site)
    after = seen()

    for command, was, now in zip(commands, before, after, strict=True):
        assert now == was, command
    [plugin] = [
        row
        for row in installation.zg("plugins", "--json").document["plugins"]
        if row["id"] == "zg-eager"
    ]
    assert (plugin["state"], len(plugin["contributes"])) == ("active", 9)
