"""A plugin that is not right is said to be, and everything else works as before.

One file, since it is one list of what may be wrong.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from installing import GOOD, Site

from zg_core import hookspecs
from zg_core.config import Config
from zg_core.errors import UnknownNameError
from zg_core.plugins import PluginHost, PluginRecord
from zg_core.plugins.hooks import HOOKS, KNOWN

pytestmark = pytest.mark.heavy

HEAD = """
import sys
import zg_core.plugin_api as zg

def agent(name, **more):
    return zg.AgentSpec(name=name, factory="zg_bad:make", **more)

def tool(name, **more):
    return zg.ToolSpec(name=name, factory="zg_bad:make", **more)

def provider(name, **more):
    return zg.ProviderSpec(name=name, factory="zg_bad:make", **more)

def workflow(**more):
    steps = (zg.Step("one", agent="a", **more),)
    return zg.WorkflowSpec(name="x", workflow=zg.Workflow("x", steps))

"""
ONE_TOOL = """
@zg.hookimpl
def zg_register_tools():
    return [tool("hammer")]
"""


def loaded(site: Site, code: str = "", **more: Any) -> tuple[PluginHost, PluginRecord]:
    """Install a good and a bad plugin, load all, and return what became of the bad."""
    site.install("zg-good", GOOD)
    site.install("zg-bad", HEAD + code, **more)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a coroutine that nobody awaits, say
        host = PluginHost.open(Config())
        host.load_all()
    assert host.find("agent", "goodie").qualified == "zg-good:goodie"
    return host, host.named("zg-bad")[0]


def ailment(plugin: PluginRecord) -> tuple[str, str]:
    """Return the code and message of the one thing that is wrong with a plugin."""
    [found] = plugin.diagnostics
    assert found.plugin == "zg-bad"
    assert "zg -p no:zg-bad" in found.hint or found.hint == "pip install -U zerogravity"
    assert "\n" not in str(found)
    return found.code, found.message


def agents(body: str) -> str:
    return f"@zg.hookimpl\ndef zg_register_agents():\n    {body}\n"


# -- Importing -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("raise ImportError('bad\\nlines')", "ImportError: bad lines"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("sys.exit()", "SystemExit"),
        ("raise RecursionError", "RecursionError"),
        ("class Skipped(BaseException): pass\nraise Skipped('so')", "Skipped: so"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_broken(
    site: Site, code: str, said: str
) -> None:
    _, bad = loaded(site, code)

    code, message = ailment(bad)
    assert (bad.state, code) == ("broken", "ZG201")
    assert said in message
    assert bad.loading
    assert "Traceback" in bad.loading.traceback
    assert not bad.loaded


@pytest.mark.parametrize(
    "reference", ["zg_bad_missing", "zg_bad:nope", "zg_bad:agent.nope", "not a ref!!"]
)
def test_an_entry_point_that_leads_nowhere_is_named(site: Site, reference: str) -> None:
    _, bad = loaded(site, entry_points={"plugin": reference})

    code, message = ailment(bad)
    assert (bad.state, code) == ("broken", "ZG201")
    assert repr(reference) in message


def test_a_missing_dependency_is_named_with_the_command_that_installs_it(
    site: Site,
) -> None:
    _, bad = loaded(
        site, "import foo_lib", requires=("foo-lib>=1", "click", "no; extra=='x'")
    )

    [found] = bad.diagnostics
    assert "zg-bad requires 'foo-lib', which is not installed" in found.message
    assert found.hint == "pip install foo-lib, or: zg -p no:zg-bad …"


def test_an_interrupt_while_a_plugin_is_imported_ends_the_command(site: Site) -> None:
    site.install("zg-bad", "raise KeyboardInterrupt")
    host = PluginHost.open(Config())

    with pytest.raises(KeyboardInterrupt):
        host.load_all()


# -- Being a plugin ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reference", "said"),
    [
        ("plugin = None", "zg_bad:plugin", "is None"),
        ("class Plugin: pass", "zg_bad:Plugin", "forgotten"),
    ],
)
def test_what_is_no_plugin_object_is_broken(
    site: Site, code: str, reference: str, said: str
) -> None:
    _, bad = loaded(site, code, entry_points={"plugin": reference})

    code, message = ailment(bad)
    assert (bad.state, code) == ("broken", "ZG206")
    assert said in message


def test_a_plugin_without_hooks_is_warned_of(site: Site) -> None:
    _, bad = loaded(site, "def zg_register_agents(): return [agent('lost')]")

    assert (bad.state, ailment(bad)[0]) == ("active", "ZG204")
    assert bad.loaded


@pytest.mark.parametrize(
    "method",
    [
        "def __dir__(self): raise SystemExit",
        "def __getattr__(self, name): raise RuntimeError(name)",
    ],
)
def test_an_object_that_cannot_be_looked_at_is_broken(site: Site, method: str) -> None:
    code = f"class Plugin:\n    {method}\nplugin = Plugin()"

    _, bad = loaded(site, code, entry_points={"plugin": "zg_bad:plugin"})

    assert (bad.state, ailment(bad)[0]) == ("broken", "ZG202")


@pytest.mark.parametrize(
    ("api", "hint"),
    [("99", "pip install -U zerogravity"), ("0", "zg-bad"), ("'x'", "zg-bad")],
)
def test_a_plugin_for_another_api_is_incompatible(
    site: Site, api: str, hint: str
) -> None:
    _, bad = loaded(site, f"ZG_PLUGIN_API = {api}\n{ONE_TOOL}")

    assert (bad.state, ailment(bad)[0]) == ("incompatible", "ZG121")
    assert hint in bad.diagnostics[0].hint
    assert bad.contributions == ()


def test_the_module_of_an_object_may_say_the_api(site: Site) -> None:
    code = "ZG_PLUGIN_API = 99\nclass Plugin: pass\nplugin = Plugin()"

    _, bad = loaded(site, code, entry_points={"plugin": "zg_bad:plugin"})

    assert bad.state == "incompatible"


# -- Hooks ---------------------------------------------------------------------------


def test_every_hook_of_ours_is_known_and_every_offer_is_asked_for() -> None:
    declared = [
        name
        for name, value in vars(hookspecs).items()
        if hasattr(value, f"{hookspecs.PROJECT}_spec")
    ]

    assert list(KNOWN) == declared
    assert list(HOOKS) == [name for name in declared if "_register_" in name]


def test_an_unknown_hook_is_named_with_the_likely_one(site: Site) -> None:
    code = "@zg.hookimpl\ndef zg_register_agnets(): return []\n" + ONE_TOOL

    host, bad = loaded(site, code)

    assert (bad.state, ailment(bad)[0]) == ("active", "ZG203")
    assert "'zg_register_agents'" in bad.diagnostics[0].message
    assert host.find("tool", "hammer").plugin == "zg-bad"


def test_a_hook_of_a_newer_core_can_be_optional(site: Site) -> None:
    code = "@zg.hookimpl(optionalhook=True)\ndef zg_register_dreams(): return []\n"

    _, bad = loaded(site, code + ONE_TOOL)

    assert (bad.state, bad.diagnostics) == ("active", ())


def test_a_hook_that_asks_for_what_there_is_not_is_refused_whole(site: Site) -> None:
    code = "@zg.hookimpl\ndef zg_register_agents(host, weather): return [agent('x')]\n"

    host, bad = loaded(site, code + ONE_TOOL)

    assert (bad.state, ailment(bad)[0]) == ("broken", "ZG202")
    assert (
        "zg_register_agents asks for 'weather'; it may ask for: host"
        in bad.diagnostics[0].message
    )
    with pytest.raises(UnknownNameError):
        host.find("tool", "hammer")


@pytest.mark.parametrize("option", ["wrapper", "hookwrapper"])
def test_a_wrapper_is_refused_and_the_other_hooks_work(site: Site, option: str) -> None:
    code = f"@zg.hookimpl({option}=True)\ndef zg_register_agents():\n    yield\n"

    host, bad = loaded(site, code + ONE_TOOL)

    assert (bad.state, ailment(bad)[0]) == ("active", "ZG205")
    assert host.find("tool", "hammer").plugin == "zg-bad"


@pytest.mark.parametrize("answer", ["True", "1 / 0"])
def test_a_plugin_that_equals_everything_keeps_nobody_out(
    site: Site, answer: str
) -> None:
    code = f"""
class Plugin:
    def __eq__(self, other):
        return {answer}
    @zg.hookimpl
    def zg_register_tools(self):
        return [tool("hammer")]
plugin = Plugin()
"""

    host, bad = loaded(site, code, entry_points={"plugin": "zg_bad:plugin"})

    assert (bad.state, bad.diagnostics) == ("active", ())
    assert host.find("tool", "hammer").plugin == "zg-bad"


def test_static_methods_and_other_names_are_hooks_too(site: Site) -> None:
    code = """
class Plugin:
    @staticmethod
    @zg.hookimpl
    def zg_register_tools(host):
        return [tool("saw")]
    @zg.hookimpl(specname="zg_register_tools")
    def more_tools(self):
        return [tool("hammer")]
plugin = Plugin()
"""

    _, bad = loaded(site, code, entry_points={"plugin": "zg_bad:plugin"})

    assert bad.diagnostics == ()
    assert set(bad.contributes["tool"]) == {"saw", "hammer"}


def test_methods_of_an_object_are_hooks_too(site: Site) -> None:
    code = """
class Plugin:
    @zg.hookimpl
    def zg_register_tools(self, host):
        return (tool(name) for name in ("saw", f"api{host.api}"))
plugin = Plugin()
"""

    _, bad = loaded(site, code, entry_points={"plugin": "zg_bad:plugin"})

    assert bad.contributes == {"tool": ("saw", "api1")}
    assert bad.diagnostics == ()


# -- What hooks return ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise RuntimeError('no')", "zg_register_agents failed: RuntimeError: no"),
        ("raise SystemExit(0)", "zg_register_agents failed: SystemExit: 0"),
        ("return 'planner'", "must return an iterable of AgentSpec, got str"),
        ("return 42", "must return an iterable of AgentSpec, got int"),
        ("return {'a': 1}", "must return an iterable of AgentSpec, got dict"),
        ("return agent('a')", "must return an iterable of AgentSpec, got AgentSpec"),
        ("yield agent('a'); raise ValueError('mid')", "failed: ValueError: mid"),
        ("while True: yield agent('a')", "returned more than 1,000 items"),
        ("return [agent('../evil')]", "'../evil' is no name"),
        ("return [agent('Upper')]", "'Upper' is no name"),
        ("return [agent('x' * 65)]", "is no name"),
    ],
)
def test_a_hook_that_fails_takes_only_its_own_things_with_it(
    site: Site, body: str, said: str
) -> None:
    host, bad = loaded(site, agents(body) + ONE_TOOL)

    assert (bad.state, ailment(bad)[0]) == ("degraded", "ZG211")
    assert said in bad.diagnostics[0].message
    assert host.find("tool", "hammer").plugin == "zg-bad"
    assert bad.contributes == {"tool": ("hammer",)}


@pytest.mark.parametrize(
    "hook",
    [
        "async def zg_register_agents(): return []",
        "async def zg_register_agents(): yield agent('a')",
    ],
)
def test_an_async_hook_is_refused_without_a_warning_of_python(
    site: Site, hook: str
) -> None:
    _, bad = loaded(site, f"@zg.hookimpl\n{hook}\n")

    assert (bad.state, ailment(bad)[0]) == ("degraded", "ZG211")
    assert "must be a plain `def`" in bad.diagnostics[0].message


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("42", "is 42, not an AgentSpec"),
        ("tool('nail')", "not an AgentSpec"),
        ("agent('builtin')", "is reserved"),
        ("agent('x', tools='saw')", "has tools that are not a tuple or set of texts"),
        ("agent('x', tools=(1,))", "has tools that are not a tuple or set of texts"),
        ("zg.AgentSpec(name='x', factory='no ref')", "has the factory 'no ref'"),
        ("zg.AgentSpec(name='x', factory=None)", "has the factory None"),
        ("Forged(name='../evil', factory='a:b')", "has the name '../evil'"),
        (
            "Forged(name='x', factory='a:b', description=7)",
            "has a description that is no text",
        ),
        ("Hostile(name='x', factory='a:b')", "failed: SystemExit"),
    ],
)
def test_an_item_that_is_wrong_is_dropped_and_the_rest_kept(
    site: Site, item: str, said: str
) -> None:
    code = f"""
class Forged(zg.AgentSpec):
    def __post_init__(self):
        pass

class Hostile(Forged):
    def __getattribute__(self, name):
        if name == "description":
            raise SystemExit(0)
        return super().__getattribute__(name)

{agents(f"return [agent('first'), {item}, agent('last')]")}
"""

    _, bad = loaded(site, code)

    assert (bad.state, ailment(bad)[0]) == ("degraded", "ZG212")
    assert said in bad.diagnostics[0].message
    assert bad.contributes == {"agent": ("first", "last")}


@pytest.mark.parametrize(
    ("hook", "item", "said"),
    [
        ("tools", "tool('x', effect='perhaps')", "has the effect 'perhaps'"),
        ("tools", "tool('x', risk='some')", "and risk 'some'"),
        ("tools", "zg.ToolSpec(name='x', function=7)", "has a function that is none"),
        (
            "tools",
            "tool('x', timeout_seconds=float('inf'))",
            "timeout_seconds that are",
        ),
        ("tools", "tool('x', timeout_seconds='9')", "timeout_seconds that are"),
        ("tools", "tool('x', requires_approval='no')", "neither True nor False"),
        ("agents", "agent('x', complexity_threshold=None)", "no finite number"),
        ("agents", "agent('x', needs_model='yes')", "neither True nor False"),
        ("agents", "agent('x', examples=7)", "not 'package:file'"),
        ("agents", "agent('x', examples='objectives.jsonl')", "not 'package:file'"),
        ("agents", "agent('x', examples='p:')", "not 'package:file'"),
        ("agents", "agent('x', examples='p:../x.jsonl')", "not 'package:file'"),
        ("agents", "agent('x', examples='p:/x.jsonl')", "not 'package:file'"),
        ("agents", "agent('x', examples='.p:x.jsonl')", "not 'package:file'"),
        ("agents", "agent('x', complexity_threshold=True)", "no finite number"),
        ("agents", "agent('x', complexity_threshold=float('nan'))", "no finite number"),
        ("agents", "agent('x', complexity_threshold=10**400)", "no finite number"),
        ("providers", "provider('x', free=1)", "has free that is neither"),
        ("providers", "provider('x', detect={'url': 'x'})", "that is no Detect"),
        ("providers", "provider('x', detect=zg.Detect(env='KEY'))", "no Detect"),
        ("providers", "provider('x', detect=zg.Detect(url=7))", "no Detect"),
        ("workflows", "zg.WorkflowSpec(name='x', workflow={})", "that is no Workflow"),
        ("workflows", "workflow(timeout_seconds=float('inf'))", "has a step with"),
    ],
)
def test_each_kind_of_spec_is_looked_at(
    site: Site, hook: str, item: str, said: str
) -> None:
    _, bad = loaded(site, f"@zg.hookimpl\ndef zg_register_{hook}(): return [{item}]\n")

    assert ailment(bad)[0] == "ZG212"
    assert said in bad.diagnostics[0].message


def test_a_spec_whose_every_field_is_right_is_kept(site: Site) -> None:
    more = "env=('KEY',), detect=zg.Detect(module='m', url='http://localhost')"
    code = f"""
@zg.hookimpl
def zg_register_providers(): return [provider('a', free=True, {more})]
@zg.hookimpl
def zg_register_tools(): return [tool('b', timeout_seconds=9, capabilities=("net",))]
@zg.hookimpl
def zg_register_workflows(): return [workflow(timeout_seconds=0.5)]
"""

    _, fine = loaded(site, code)

    assert (fine.state, fine.diagnostics) == ("active", ())
    assert fine.document()["capabilities"] == ["env:KEY", "net"]


def test_a_spec_that_cannot_be_copied_is_dropped(site: Site) -> None:
    code = """
class Once(zg.AgentSpec):
    made = 0
    def __post_init__(self):
        Once.made += 1
        if Once.made > 1:
            raise SystemExit(0)
""" + agents("return [agent('first'), Once(name='x', factory='a:b')]")

    _, bad = loaded(site, code)

    assert ailment(bad)[0] == "ZG212"
    assert bad.contributes == {"agent": ("first",)}


def test_a_name_twice_counts_once(site: Site) -> None:
    _, bad = loaded(
        site, agents("return [agent('a', description=d) for d in ('one', 'two')]")
    )

    assert (bad.state, ailment(bad)[0]) == ("active", "ZG213")
    assert [c.spec.description for c in bad.contributions] == ["one"]


@pytest.mark.parametrize(
    ("description", "kept", "told"),
    [
        ("fine", "fine", False),
        (" two\n  lines\n", "two   lines", False),
        ("red \x1b[31m and \u202ehidden", "red  [31m and  hidden", True),
        ("long" * 1000, ("long" * 1000)[:1024], True),
    ],
)
def test_a_description_is_made_safe_to_show(
    site: Site, description: str, kept: str, told: bool
) -> None:
    _, bad = loaded(site, agents(f"return [agent('a', description={description!r})]"))

    assert bad.state == "active"
    assert [found.code for found in bad.diagnostics] == ["ZG215"] * told
    assert [c.spec.description for c in bad.contributions] == [kept]


@pytest.mark.parametrize(
    ("hook", "spec", "said"),
    [
        (
            "guardrails",
            "GuardrailSpec(name='x', factory='a:b', stages={'input', 'out'})",
            "has stages 'out'; there are input, tool_call, output",
        ),
        (
            "exporters",
            "ExporterSpec(name='x', factory='a:b', signals={'metric'})",
            "has signals 'metric'; there are metrics, traces, events",
        ),
    ],
)
def test_a_word_that_is_none_of_ours_is_named_with_those_there_are(
    site: Site, hook: str, spec: str, said: str
) -> None:
    code = f"@zg.hookimpl\ndef zg_register_{hook}(): return [zg.{spec}]\n"

    _, bad = loaded(site, code)

    [found] = bad.diagnostics
    assert found.code == "ZG212"
    assert said in found.message
