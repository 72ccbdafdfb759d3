"""Every way in which a plugin can be bad: the table of failures, F1 to F38.

Each entry is a package and what ``zg plugins`` must say of it, and nothing else.
One file, since it is one table, as long as there are ways. What more a row promises is
in ``test_in_use.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import indent
from typing import Any

from isolation.packages import SOUND, Bad, Package, Spoil, hook

__all__ = ["BAD", "of_row"]

_KEPT = hook('return [zg.ToolSpec(name="kept", factory="zg_bad:kept")]', "tools")
"""A hook with which nothing is wrong, and whose tool must be there all the same."""

_KEEPS = ("tool:kept",)
_AGENT = 'zg.AgentSpec(name="sound", factory="zg_bad:Sound")'
_GOOD = SOUND + hook(f"return [{_AGENT}]")
_IS_GOOD = ("agent:sound",)


def _entries(*lines: str) -> str:
    return "\n".join(["[zerogravity.plugins]", *lines, ""])


def _import(
    case: str, code: str, said: str, *, row: str = "F1", raw: bool = False
) -> Bad:
    return Bad(row, case, code, "broken", ("ZG201",), (said,), raw=raw)


def _reference(row: str, case: str, reference: str) -> Bad:
    codes, said = ("ZG201",), (reference,)
    entry_points = {"plugin": reference}
    return Bad(row, case, "x = 1", "broken", codes, said, entry_points=entry_points)


def _object(row: str, case: str, code: str, zg_code: str, said: str) -> Bad:
    return Bad(
        row,
        case,
        code,
        "broken",
        (zg_code,),
        (said,),
        entry_points={"plugin": "zg_bad:plugin"},
    )


def _odd(case: str, body: str, said: str) -> Bad:
    code = f"class Odd:\n{indent(body, '    ')}\n\nplugin = Odd()\n"
    return _object("F7", case, code, "ZG202", said)


def _hook_fails(row: str, case: str, code: str, said: str) -> Bad:
    return Bad(row, case, code + _KEPT, "degraded", ("ZG211",), (said,), offers=_KEEPS)


def _returns(case: str, value: str, kind: str) -> Bad:
    said = f"zg_register_agents must return an iterable of AgentSpec, got {kind}"
    return _hook_fails("F11", case, hook(f"return {value}"), said)


def _called(case: str, name: str) -> Bad:
    code = hook(f"return [zg.AgentSpec(name={name}, factory='zg_bad:Sound')]")
    return _hook_fails("F15", case, code, "is no name")


def _warned(row: str, case: str, code: str, zg_code: str, said: str) -> Bad:
    return Bad(row, case, code + _KEPT, "active", (zg_code,), (said,), offers=_KEEPS)


def _kills(case: str, code: str) -> Bad:
    said = "ended the process, or was interrupted, when it was imported last"
    return Bad("F3", case, code, "quarantined", ("ZG207",), (said,), kills=True)


def _with_manifest(manifest: str) -> dict[str, Any]:
    lines = "x = zg_bad", "[zerogravity.manifests]", "x = zg_bad_files:zg_plugin.json"
    return {
        "entry_points": _entries(*lines),
        "modules": {"zg_bad_files/zg_plugin.json": manifest} if manifest else {},
    }


def _manifest(api: int, *agents: str) -> str:
    contributes = {"agents": [{"name": name} for name in agents]}
    return json.dumps(
        {
            "manifest_version": 1,
            "api": api,
            "contributes": contributes,
            "capabilities": [],
        }
    )


def _without_manifest(case: str, manifest: str, said: str) -> Bad:
    return Bad(
        "F25",
        case,
        _GOOD,
        "active",
        ("ZG111",),
        (said,),
        offers=_IS_GOOD,
        **_with_manifest(manifest),
    )


def _unrelated(case: str, spoil: Spoil, zg_code: str = "ZG101") -> Bad:
    entry_points = _entries("plugin = zg_bad")
    return Bad(
        "F22",
        case,
        "",
        None,
        said=("zg_bad-1.0.dist-info",),
        general=(zg_code,),
        entry_points=entry_points,
        spoil=spoil,
    )


def _entry_points(content: bytes) -> Spoil:
    return lambda folder: (folder / "entry_points.txt").write_bytes(content)


def _metadata(content: str) -> Spoil:
    return lambda folder: (folder / "METADATA").write_text(content)


def _folder_for(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return spoil


def _no_metadata(folder: Path) -> None:
    (folder / "METADATA").unlink()


def _as_pip_leaves_it(folder: Path) -> None:
    """Rename it as pip does with what it is about to remove."""
    folder.rename(folder.with_name(f"~{folder.name[1:]}"))


def _emptied(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


_IMPORTS = (
    _import("an error", "raise ValueError('no luck')", "ValueError: no luck"),
    _import("an import error", "import zg_nowhere", "ModuleNotFoundError"),
    _import(
        "an error of many lines",
        r"raise ValueError('one\ntwo\x1b[2J\r\u202ethree')",
        "ValueError: one two",
    ),
    _import("bad syntax", "def what(:", "SyntaxError", raw=True),
    _import("recursion", "def again(): again()\nagain()", "RecursionError: maximum"),
    _import(
        "no Exception",
        "class Skipped(BaseException): pass\nraise Skipped('not here')",
        "Skipped: not here",
    ),
    _import(
        "an error without words",
        """
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError
        raise Mute
        """,
        "failed: Mute",
    ),
    _import("exit 0", "raise SystemExit(0)", "SystemExit: 0", row="F2"),
    _import("exit with words", "import sys; sys.exit('bye')", "bye", row="F2"),
    _hook_fails("F2", "exit in a hook", hook("raise SystemExit(0)"), "SystemExit: 0"),
    _kills("an exit past Python", "os._exit(7)"),
    _kills("a crash", "os.abort()"),
    _kills(
        "a hang that Ctrl-C ends",
        "import signal, threading, time\n"
        "interrupt = os.getpid(), signal.SIGINT\n"
        "threading.Timer(0.3, os.kill, interrupt).start()\n"
        "time.sleep(3600)",
    ),
    _kills("an exit in a hook", hook("os._exit(7)")),
    _reference("F4", "no such module", "zg_bad_gone:nope"),
    _reference("F4", "no such attribute", "zg_bad:nope"),
    _reference("F5", "words", "not a ref!!"),
    _reference("F5", "a path", "../zg_bad.py"),
    _reference("F5", "a call", "zg_bad:plugin()"),
)

_OBJECTS = (
    _object("F6", "None", "plugin = None", "ZG206", "'zg_bad:plugin' is None"),
    _object(
        "F6",
        "a class",
        "class plugin:\n" + indent(hook("return []", asks="self"), "    "),
        "ZG206",
        "is a class; was '()' forgotten?",
    ),
    Bad("F6", "no hooks", "x = 1", "active", ("ZG204",), ("no hooks",)),
    _odd("dir", "def __dir__(self): raise SystemExit(3)", "SystemExit: 3"),
    _odd(
        "getattr",
        "def __dir__(self): return ['zg_register_agents']\n"
        "def __getattr__(self, name): raise RuntimeError('no')",
        "RuntimeError: no",
    ),
    _odd(
        "a property",
        "@property\ndef zg_register_agents(self): raise RuntimeError('no')",
        "RuntimeError: no",
    ),
)

_HOOKS = (
    _warned(
        "F8",
        "a misspelt hook",
        hook("return []", "agnets"),
        "ZG203",
        "'zg_register_agnets', which is not known; 'zg_register_agents' may be meant",
    ),
    Bad(
        "F8",
        "an optional hook of a newer core",
        hook("return []", "dreams", options="optionalhook=True") + _KEPT,
        "active",
        offers=_KEEPS,
    ),
    Bad(
        "F9",
        "an argument there is not",
        hook(f"return [{_AGENT}]", asks="host, nonsense") + _KEPT,
        "broken",
        ("ZG202",),
        ("zg_register_agents asks for 'nonsense'; it may ask for: host",),
    ),
    _hook_fails("F10", "an error", hook("raise KeyError('lost')"), "KeyError: 'lost'"),
    _returns("a text", '"planner"', "str"),
    _returns("bytes", 'b"planner"', "bytes"),
    _returns("a number", "42", "int"),
    _returns("a mapping", '{"name": "planner"}', "dict"),
    _returns("one spec", _AGENT, "AgentSpec"),
    Bad(
        "F12",
        "wrong items",
        SOUND
        + hook(
            f"""
            tool = zg.ToolSpec(name="odd", factory="zg_bad:odd")
            return ["planner", tool, {_AGENT}, None]
            """
        ),
        "degraded",
        ("ZG212", "ZG212", "ZG212"),
        (
            "item 1 of zg_register_agents is 'planner', not an AgentSpec",
            "item 2 of zg_register_agents is ToolSpec",
            "item 4 of zg_register_agents is None",
        ),
        offers=_IS_GOOD,
    ),
    _hook_fails(
        "F13",
        "fails midway",
        hook(f"yield {_AGENT}\nraise OSError('midway')"),
        "OSError: midway",
    ),
    _hook_fails(
        "F13",
        "never ends",
        hook(f"while True:\n    yield {_AGENT}"),
        "returned more than 1,000 items",
    ),
    _hook_fails(
        "F14",
        "a coroutine",
        hook(f"return [{_AGENT}]", head="async def"),
        "must be a plain `def`",
    ),
    _hook_fails(
        "F14",
        "a generator",
        hook(f"yield {_AGENT}", head="async def"),
        "must be a plain `def`",
    ),
    _warned(
        "F38",
        "a wrapper",
        hook("return (yield)", options="wrapper=True"),
        "ZG205",
        "zg_register_agents wraps other plugins' hooks",
    ),
    _warned(
        "F38",
        "an old wrapper",
        hook("(yield).force_result([])", options="hookwrapper=True"),
        "ZG205",
        "zg_register_agents wraps other plugins' hooks",
    ),
)

_NAMES = (
    _called("a path", '"../evil"'),
    _called("upper case", '"Evil"'),
    _called("too long", '"e" * 65'),
    _called("not ASCII", r'"\u00e9vil"'),
    _called("a control character", r'"evil\x1b[2J"'),
    _called("nothing", '""'),
    _called("no text", "7"),
    Bad(
        "F15",
        "a reserved word",
        SOUND
        + hook(f'return [zg.AgentSpec(name="all", factory="zg_bad:Sound"), {_AGENT}]'),
        "degraded",
        ("ZG212",),
        ("has the name 'all', which is reserved",),
        offers=_IS_GOOD,
    ),
    Bad(
        "F15",
        "a spec that checks nothing",
        "class Unchecked(zg.AgentSpec):\n    def __post_init__(self): pass\n"
        + SOUND
        + hook(f'return [Unchecked(name="../evil", factory="zg_bad:Sound"), {_AGENT}]'),
        "degraded",
        ("ZG212",),
        ("has the name '../evil'",),
        offers=_IS_GOOD,
    ),
    Bad(
        "F16",
        "an agent twice",
        SOUND
        + hook(f'return [{_AGENT}, zg.AgentSpec(name="sound", factory="zg_bad:Two")]'),
        "active",
        ("ZG213",),
        ("offers the agent 'sound' twice",),
        offers=_IS_GOOD,
    ),
    Bad(
        "F17",
        "names of what is built in",
        """
class Robber:
    async def run(self, ctx):
        return zg.Reply(output="robbed")

def robber():
    raise SystemExit("robbed")

"""
        + "".join(
            hook(f'return [zg.{spec}(name="{name}", factory="zg_bad:{what}")]', kind)
            for kind, spec, name, what in (
                ("agents", "AgentSpec", "architect", "Robber"),
                ("tools", "ToolSpec", "write_file", "robber"),
                ("providers", "ProviderSpec", "openai", "robber"),
                ("classifiers", "ClassifierSpec", "trained", "robber"),
                ("journals", "JournalSpec", "sqlite", "robber"),
                ("commands", "CommandSpec", "plugins", "robber"),
            )
        )
        + hook(
            """
            step = zg.Step("work", agent="zg-bad:architect")
            return [
                zg.WorkflowSpec(name=name, workflow=zg.Workflow(name, (step,)))
                for name in ("solo", "adaptive")
            ]
            """,
            "workflows",
        ),
        "active",
        offers=(
            "agent:architect",
            "tool:write_file",
            "provider:openai",
            "classifier:trained",
            "workflow:solo",
            "workflow:adaptive",
            "journal:sqlite",
            "command:plugins",
        ),
    ),
    Bad(
        "F18",
        "the name of another's agent",
        SOUND + hook('return [zg.AgentSpec(name="shared", factory="zg_bad:Sound")]'),
        "active",
        offers=("agent:shared",),
        beside=(
            Package(
                name="zg-bad-rival",
                code=SOUND.replace('"sound"', '"rival"')
                + hook(
                    'return [zg.AgentSpec(name="shared", factory="zg_bad_rival:Sound")]'
                ),
            ),
        ),
    ),
)

_PACKAGES = (
    Bad(
        "F19",
        "the entry point of another",
        _GOOD,
        "active",
        entry_points=_entries("zg-good = zg_bad"),
        offers=_IS_GOOD,
    ),
    Bad(
        "F20",
        "an entry point twice",
        _GOOD,
        "active",
        ("ZG103",),
        ("two entry points named 'x'",),
        entry_points=_entries("x = zg_bad", "x = zg_nowhere"),
        offers=_IS_GOOD,
    ),
    Bad(
        "F21",
        "two versions",
        _GOOD,
        "active",
        ("ZG104",),
        ("is installed more than once, and 1.10 counts",),
        version="1.10",
        beside=(Package(version="1.9"),),
        offers=_IS_GOOD,
    ),
    Bad(
        "F21",
        "what pip left",
        _GOOD,
        "active",
        said=("~g_bad-0.9.dist-info",),
        general=("ZG102",),
        beside=(Package(version="0.9", spoil=_as_pip_leaves_it),),
        offers=_IS_GOOD,
    ),
    Bad(
        "F21",
        "an empty older one",
        _GOOD,
        "active",
        beside=(Package(version="0.9", spoil=_emptied),),
        offers=_IS_GOOD,
    ),
    _unrelated("no equals sign", _entry_points(b"[any]\nno equals sign\n")),
    _unrelated("no UTF-8", _entry_points(b"[any]\nx = \xff\xfe\n")),
    _unrelated("no METADATA", _no_metadata, "ZG102"),
    _unrelated("a folder for METADATA", _folder_for("METADATA"), "ZG102"),
    _unrelated("no name", _metadata("Metadata-Version: 2.1\nVersion: 1\n"), "ZG102"),
    Bad(
        "F23",
        "a newer ZeroGravity",
        "raise SystemExit('imported')",
        "incompatible",
        ("ZG121",),
        ("needs zerogravity>=99; this is",),
        requires=("zerogravity>=99",),
    ),
    Bad(
        "F23",
        "an older ZeroGravity",
        "raise SystemExit('imported')",
        "incompatible",
        ("ZG121",),
        ("needs zerogravity<0.0.1; this is",),
        requires=("zerogravity<0.0.1",),
    ),
    Bad(
        "F23",
        "a newer plugin API",
        "raise SystemExit('imported')",
        "incompatible",
        ("ZG121",),
        ("needs plugin API 99; zerogravity",),
        offers=("agent:dream",),
        **_with_manifest(_manifest(99, "dream")),
    ),
    Bad(
        "F24",
        "a requirement that is not there",
        "import zg_nowhere",
        "broken",
        ("ZG201",),
        ("zg-bad requires 'zg-nowhere', which is not installed",),
        requires=("zg-nowhere>=2",),
    ),
    _without_manifest("it is not there", "", "is not installed"),
    _without_manifest("no JSON", "{", "cannot be read: JSONDecodeError"),
    _without_manifest("another form", '{"api": 1}', "is none: "),
    Bad(
        "F26",
        "a manifest of something else",
        _GOOD,
        "discovered",
        offers=("agent:gone",),
        once_loaded={
            "state": "active",
            "codes": ("ZG214",),
            "said": ("it lacks the agent 'sound'; the code does not offer the agent",),
            "offers": _IS_GOOD,
        },
        **_with_manifest(_manifest(1, "gone")),
    ),
)

_OFFERS = (
    Bad(
        "F27",
        "a factory that fails",
        """
def lazy(): raise LookupError("no such luck")

"""
        + hook(
            """
            return [
                zg.AgentSpec(name="lazybad", factory="zg_bad:lazy"),
                zg.AgentSpec(name="gone", factory="zg_bad.nowhere:Gone"),
                zg.AgentSpec(name="exits", factory=lambda: exit(0)),
            ]
            """
        ),
        "active",
        offers=("agent:lazybad", "agent:gone", "agent:exits"),
    ),
    Bad(
        "F28",
        "a factory that makes something else",
        """
class Still: pass

class Deaf:
    async def run(self): pass

async def late(): return Still()

"""
        + hook(
            """
            return [
                zg.AgentSpec(name="still", factory="zg_bad:Still"),
                zg.AgentSpec(name="deaf", factory="zg_bad:Deaf"),
                zg.AgentSpec(name="late", factory="zg_bad:late"),
            ]
            """
        ),
        "active",
        offers=("agent:still", "agent:deaf", "agent:late"),
    ),
    Bad(
        "F29",
        "printing",
        """
import subprocess, sys
print("printed at import")
os.write(1, b"written at import" + bytes([10]))
subprocess.run([sys.executable, "-S", "-c", "print('by a child')"])
sys.__stdout__.write("kept and written" + chr(10))

"""
        + hook('print("printed in a hook")\nreturn []')
        + _KEPT,
        "active",
        offers=_KEEPS,
    ),
    Bad(
        "F30",
        "side effects",
        """
import asyncio, logging, signal, sys, warnings
import zg_core.errors
logging.basicConfig(level="DEBUG")
os.environ["OPENAI_MODEL"] = "theirs"
sys.path.insert(0, "/nowhere")
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
warnings.simplefilter("ignore")
asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
zg_core.errors.LimitError = RuntimeError

"""
        + _GOOD,
        "active",
        offers=_IS_GOOD,
        together=False,
    ),
    Bad(
        "F31",
        "an observer",
        "".join(
            f"@zg.hookimpl\n{head} zg_{name}():\n    {body}\n\n"
            for name, head, body in (
                ("run_started", "def", "raise SystemExit(0)"),
                ("step_started", "async def", "raise RuntimeError('no')"),
                ("step_finished", "def", "raise RuntimeError('no')"),
                ("run_finished", "async def", "raise BaseException('no')"),
            )
        ),
        "active",
    ),
    Bad(
        "F32",
        "a guardrail",
        """
class Raising:
    def check(self, payload, ctx): raise SystemExit(0)

class Nonsense:
    def check(self, payload, ctx): return True

class Endless:
    async def check(self, payload, ctx):
        import asyncio
        await asyncio.Event().wait()

class Stuck:
    def check(self, payload, ctx):
        import time
        time.sleep(3600)

"""
        + hook(
            """
            return [
                zg.GuardrailSpec(
                    name=name.lower(),
                    factory=f"zg_bad:{name}",
                    stages=frozenset({"input", "output"}),
                )
                for name in ("Raising", "Nonsense", "Endless", "Stuck")
            ]
            """,
            "guardrails",
        ),
        "active",
        offers=tuple(
            f"guardrail:{name}" for name in ("raising", "nonsense", "endless", "stuck")
        ),
    ),
    Bad(
        "F33",
        "an exporter",
        """
class Raising:
    def export(self, events): raise ConnectionError("it is down")
    def flush(self, seconds): raise SystemExit(0)
    def close(self): raise RuntimeError("no")

class Blocking:
    async def export(self, events):
        import asyncio
        await asyncio.Event().wait()
    def flush(self, seconds):
        import time
        time.sleep(60)
    def close(self): pass

"""
        + hook(
            """
            return [
                zg.ExporterSpec(name=name.lower(), factory=f"zg_bad:{name}")
                for name in ("Raising", "Blocking")
            ]
            """,
            "exporters",
        ),
        "active",
        offers=("exporter:raising", "exporter:blocking"),
    ),
    Bad(
        "F34",
        "tools",
        """
@zg.tool
def exits() -> str:
    raise SystemExit(0)

@zg.tool
async def raises() -> str:
    raise BaseException("no Exception")

@zg.tool
def odd() -> object:
    return {1, 2}

@zg.tool
def huge() -> str:
    return "x" * 100_000_000

class Caller:
    async def run(self, ctx):
        said = {}
        for name in ("exits", "raises", "odd", "huge"):
            result = await ctx.call_tool(name, {})
            said[name] = result.error or f"{len(str(result.output))} characters"
        return zg.Reply(output=said)

"""
        + hook("return [exits, raises, odd, huge]", "tools")
        + hook(
            """
            tools = ("exits", "raises", "odd", "huge")
            return [zg.AgentSpec(name="caller", factory="zg_bad:Caller", tools=tools)]
            """
        ),
        "active",
        offers=("agent:caller", "tool:exits", "tool:raises", "tool:odd", "tool:huge"),
    ),
)

_CHOICES = (
    Bad(
        "F35",
        "a typo in the environment",
        _GOOD,
        "active",
        said=("plugins.disable (environment ZG_PLUGINS_DISABLE): there is no plugin",),
        general=("ZG131",),
        offers=_IS_GOOD,
        together=False,
        environ={"ZG_PLUGINS_DISABLE": "zg-bed"},
    ),
    Bad(
        "F35",
        "a typo in the configuration",
        _GOOD,
        "active",
        said=("plugins.disable (user file ", "plugins.config.zg-bed (user file "),
        general=("ZG131", "ZG131"),
        offers=_IS_GOOD,
        together=False,
        config='plugins.disable = ["zg-bed"]\nplugins.config.zg-bed.x = 1\n',
    ),
    Bad(
        "F36",
        "disabled in the environment",
        "raise SystemExit('imported')",
        "disabled",
        together=False,
        environ={"ZG_PLUGINS_DISABLE": "Bad"},
    ),
    Bad(
        "F36",
        "disabled in the configuration",
        "raise SystemExit('imported')",
        "disabled",
        together=False,
        config='plugins.disable = ["ZG_Bad"]\n',
    ),
    Bad(
        "F37",
        "our name",
        "raise SystemExit('imported')",
        "untrusted",
        ("ZG104",),
        ("has ZeroGravity's name, and is not the one that is running",),
        id="zerogravity",
        name="ZeroGravity",
        version="99.0",
        entry_points=_entries("builtin = zg_bad"),
        together=False,
    ),
    Bad(
        "F37",
        "our name and our code",
        "raise SystemExit('imported')",
        "untrusted",
        ("ZG104",),
        ("has ZeroGravity's name, and is not the one that is running",),
        id="zerogravity",
        name="zerogravity",
        entry_points=_entries("builtin = zg_plugins_builtin.plugin"),
        together=False,
    ),
    Bad(
        "F37",
        "our entry point",
        _GOOD,
        "active",
        entry_points=_entries("builtin = zg_bad"),
        offers=_IS_GOOD,
    ),
)

BAD: tuple[Bad, ...] = tuple(
    sorted(
        _IMPORTS + _OBJECTS + _HOOKS + _NAMES + _PACKAGES + _OFFERS + _CHOICES,
        key=lambda bad: int(bad.row[1:]),
    )
)


def of_row(row: str) -> list[Bad]:
    """Return the cases of one row."""
    return [bad for bad in BAD if bad.row == row]
