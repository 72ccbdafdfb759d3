"""What must be true beside a bad plugin: the guarantees, as checks of what is seen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import anyio
from calling import Called
from installing import GOOD, Site
from isolation.packages import Bad, Package, renamed

import zg_core as zg
from zg_plugins_builtin.journals.sqlite import SqliteJournal

__all__ = [
    "Installation",
    "Outcome",
    "Reference",
    "check_document",
    "check_general",
    "check_lines",
    "check_quiet",
    "diagnostics_of",
    "lines_of",
]

_LINE = re.compile(
    r"(error|warning|info) +(ZG\d{3})(?: \[(?P<id>[a-z0-9][a-z0-9.-]*) \S+\])? "
    r"(?P<what>\S.*) — (?P<hint>\S.*)"
)
_DOABLE = (
    re.compile(r"zg -p no:[a-z0-9.-]+ …"),
    re.compile(r"pip install (-U |--force-reinstall )?[a-z0-9-]+"),
    re.compile(r"zg plugins? [a-z]+"),
    re.compile(r"\bplugins\.[a-z]+"),
    re.compile(r"\bremove /"),
    re.compile(r"did you mean '"),
)
_OWN = re.compile(
    r"run_[0-9a-f]{32}|req_\d+|\d{4}-\d\d-\d\dT[\d:.]+Z|duration_seconds\": [\d.e-]+"
)
"""What belongs to one run and no other: ids, times and how long it took."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to, less what no two runs have in common."""

    code: int
    printed: str
    record: str


class Installation:
    """A place to install packages in, and a user's home.

    Args:
        folder: An empty folder for all of it.
        url: The root of a model server.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        self._traces = folder / "imported"
        self._home = folder / "home"
        self._home.mkdir(parents=True)
        self._environ: dict[str, str] = {}
        self.site = Site(folder / "site")

    def add_good(self) -> None:
        """Install a plugin with which nothing is wrong."""
        Package(name="zg-good", code=GOOD).install(self.site)

    def add(self, bad: Bad, name: str = "zg-bad") -> None:
        """Install a bad plugin, and set what it needs."""
        bad.install(self.site, name)
        self._environ.update(bad.environ)
        if bad.config:
            self.configure(bad.config)

    def configure(self, text: str) -> None:
        """Write the user's configuration."""
        (self._home / "config.toml").write_text(text)

    def zg(self, *arguments: str, **environ: str) -> Called:
        """Call ``zg`` as a command of its own."""
        done = self.site.zg(
            *arguments,
            **{
                "ZG_HOME": str(self._home),
                "IMPORTED": str(self._traces),
                "OPENAI_BASE_URL": f"{self._url}/v1",
                "OPENAI_API_KEY": "sk-a-key-of-no-worth",
                "ZG_MODEL": "openai:test",
                **self._environ,
                **environ,
            },
        )
        return Called(done.returncode, done.stdout, done.stderr)

    def strict(self, how: str) -> Callable[..., Called]:
        """Return what calls ``zg`` with nothing wrong allowed of plugins."""
        if how == "option":
            return partial(self.zg, "--strict-plugins")
        if how == "variable":
            return partial(self.zg, ZG_STRICT_PLUGINS="1")
        file = self._home / "config.toml" if how == "user" else Path("zg.toml")
        text = file.read_text() if file.exists() else ""
        file.write_text(f"plugins.strict = true\n{text}")
        return self.zg

    def learn(self, *bad: Bad) -> None:
        """Start ``zg`` until all that takes it down is known."""
        for _ in filter(attrgetter("kills"), bad):
            self.zg("plugins")

    def run(self, agent: str, *options: str) -> tuple[Called, Outcome]:
        """Have an agent do something; return what was seen, and what came of it."""
        called = self.zg(*options, "run", "Say hi", "--agent", agent, "--json")
        assert "run_id" in called.document, called
        record = anyio.run(self._record, called.document["run_id"])
        return called, Outcome(
            called.code,
            self.comparable(called.out),
            self.comparable(json.dumps(record, indent=1)),
        )

    def imported(self) -> set[str]:
        """Return the modules that were imported from here, and forget them."""
        names = self._traces.read_text().split() if self._traces.exists() else []
        self._traces.unlink(missing_ok=True)
        return set(names)

    async def _record(self, run_id: str) -> list[Any]:
        """Return the run's events, but for which plugins were there by then."""
        journal = SqliteJournal(self._home / "runs.db")
        try:
            events = [zg.event_document(e) for e in await journal.read(run_id)]
        finally:
            await journal.close()
        for event in events:
            event.pop("plugins", None)
        return [event for event in events if event["type"] != "PluginLoaded"]

    def comparable(self, text: str) -> str:
        """Return *text* without times, ids and paths."""
        text = text.replace(str(self._folder), "…")
        return _OWN.sub("…", re.sub(r'"out": ".*?"', '"out": "…"', text))


class Reference:
    """What agents do where nothing bad is installed; each is asked once."""

    def __init__(self) -> None:
        self._outcomes: dict[str, Outcome] = {}

    def __call__(self, agent: str, healthy: Installation) -> Outcome:
        """Return what an agent does, in an installation that is healthy as yet."""
        if agent not in self._outcomes:
            self._outcomes[agent] = healthy.run(agent)[1]
        return self._outcomes[agent]


def check_quiet(called: Called) -> None:
    """What is wrong is said in a line each, and not where in the code it is."""
    for line in lines_of(called):
        assert _LINE.fullmatch(line)
    for text in (called.out, called.err):
        assert "Traceback" not in text
        assert "RuntimeWarning" not in text
        assert "\x1b" not in text


def lines_of(called: Called) -> list[str]:
    """Return the lines about what is wrong with plugins."""
    return [line for line in called.err.splitlines() if re.search(r"\bZG\d{3}\b", line)]


def diagnostics_of(document: Any) -> list[tuple[str, dict[str, str]]]:
    """Return what is wrong, each with the id of its plugin."""
    general = [("", one) for one in document["diagnostics"]]
    return general + [
        (plugin["id"], one)
        for plugin in document["plugins"]
        for one in plugin["diagnostics"]
    ]


def check_lines(called: Called) -> None:
    """Each thing that is wrong has one line, and something that can be done."""
    expected = diagnostics_of(called.document)
    lines = map(_LINE.fullmatch, lines_of(called))
    seen = [(m["id"] or "", m[2], m[1], m["what"], m["hint"]) for m in lines if m]
    assert seen == [
        (plugin, one["code"], one["severity"], one["message"], one["hint"])
        for plugin, one in expected
    ]
    for _, one in expected:
        assert any(form.search(one["hint"]) for form in _DOABLE), one["hint"]
        assert "edit" not in one["hint"]


def check_general(called: Called, *bad: Bad) -> None:
    """What is wrong with no plugin is what the table says."""
    found = called.document["diagnostics"]
    codes = [code for one in bad for code in one.general]
    assert sorted(one["code"] for one in found) == sorted(codes)


def check_document(called: Called, bad: Bad, name: str = "zg-bad") -> None:
    """The bad plugin has one row, with what the table says: state, codes, words."""
    own = renamed(bad.id, name)
    rows = [row for row in called.document["plugins"] if row["id"] == own]
    assert len(rows) == (bad.state is not None)
    for row in rows:
        assert row["state"] == bad.state
        assert row["version"] == bad.version
        assert tuple(one["code"] for one in row["diagnostics"]) == bad.codes
        for one, part in zip(
            row["diagnostics"], bad.said[len(bad.general) :], strict=True
        ):
            assert renamed(part, name) in one["message"]
        offers = row["contributes"].items()
        offers = {f"{kind[:-1]}:{name}" for kind, names in offers for name in names}
        assert offers == set(bad.offers)
