"""Which standard test catches which broken plugin; `None` where none can."""

from __future__ import annotations

from textwrap import dedent

__all__ = ["NOT_CAUGHT", "PLUGINS", "SEEDS", "Seeds", "code_of", "expected"]

Seeds = dict[str, str | None]
STOPS = "test_it_stops_when_the_run_is_cancelled"
MIXES = "test_two_runs_at_once_do_not_mix"
RESULT = "test_it_comes_to_a_result"
OBJECTIVES = "test_no_objective_breaks_it"
NETWORK = "test_it_reaches_the_network_only_through_its_context"
TAKES = "test_it_takes_what_its_schema_allows"
SAYS = "test_it_does_no_more_than_it_says"
ANSWERS = "test_it_answers"
STREAMS = "test_a_stream_says_what_an_answer_says"
COUNTS = "test_its_estimate_counts_all_that_is_sent"
LABELS = "test_it_labels_what_people_ask_for"
JUDGES = "test_it_judges_whatever_comes"
EVENTS = "test_it_takes_any_events"

SEEDS: dict[str, Seeds] = {
    "agent": {
        "ignores-cancellation": STOPS,
        "shares-state": MIXES,
        "remembers": MIXES,
        "returns-text": RESULT,
        "returns-no-json": RESULT,
        "breaks-on-odd-objectives": OBJECTIVES,
        "trusts-the-model": OBJECTIVES,
        "has-its-own-client": NETWORK,
        "raises-its-own-error": "test_a_model_that_fails_does_not_break_it",
        "takes-no-context": "test_it_can_be_made",
        "factory-is-async": "test_it_can_be_made",
        "undescribed": "test_it_says_what_it_is_for",
        "without-its-tool": "test_its_tools_are_there",
    },
    "tool": {
        "breaks": TAKES,
        "needs_what_it_does_not_say": TAKES,
        "gives_no_json": "test_it_gives_json",
        "gives_no_number": "test_it_gives_json",
        "gives_too_much": "test_it_gives_json",
        "ignores_cancellation": None,  # it is cut off, whatever it does
        "shares_state": "test_calls_at_once_do_not_mix",
        "reaches_the_network": SAYS,
        "writes_files": SAYS,
        "starts_processes": SAYS,
        "undescribed": "test_it_says_what_it_does",
        "changes_arguments": "test_it_leaves_its_arguments_as_they_are",
        "takes_anything": "test_its_schema_names_every_argument",
    },
    "provider": {
        "showsitskey": "test_no_secret_is_seen",
        "showsitskeyinerrors": "test_no_secret_is_seen",
        "streamssomethingelse": STREAMS,
        "streamsotherpieces": STREAMS,
        "streamsnoresponse": STREAMS,
        "streamson": STREAMS,
        "raisesitsownerror": "test_it_raises_provider_errors_alone",
        "sharesstate": "test_requests_at_once_do_not_mix",
        "ignorescancellation": STOPS,
        "countsnothing": ANSWERS,
        "countsbackwards": ANSWERS,
        "estimatestoolittle": "test_its_estimate_is_an_upper_bound",
        "estimatesletters": COUNTS,
        "estimatesnotools": COUNTS,
        "estimatesnoschemas": COUNTS,
        "estimatestexts": COUNTS,
        "knowsonlyitsmodels": "test_it_knows_its_models_without_a_network",
        "askswhatitsmodelscando": "test_it_knows_its_models_without_a_network",
        "sayswhyinitsownwords": ANSWERS,
        "wantsanothertool": ANSWERS,
        "closesonce": "test_it_can_be_closed_twice",
        "cannotbeleft": "test_a_stream_can_be_left",
        "miscounts": None,
    },
    "classifier": {
        "breaksonnothing": LABELS,
        "breaksonstrangeletters": "test_it_labels_any_text",
        "istoosure": LABELS,
        "knowsmorelabels": LABELS,
        "returnstext": LABELS,
        "isplain": LABELS,
        "takesturns": "test_a_text_gets_the_same_label_again",
        "sharesstate": "test_texts_at_once_do_not_mix",
        "ignorescancellation": STOPS,
        "givesnoreason": LABELS,
        "isalwayswrong": None,
    },
    "exporter": {
        "knowssomekinds": EVENTS,
        "breaksonnothing": EVENTS,
        "closesonce": "test_it_can_be_closed_twice",
        "flushesforever": "test_it_flushes_in_time",
        "takesthebatch": "test_it_leaves_events_as_they_are",
        "changesevents": "test_it_leaves_events_as_they_are",
        "isslow": "test_a_batch_is_soon_taken",
        "isslowinathread": "test_a_batch_is_soon_taken",
        "ignorescancellation": "test_it_stops_when_it_is_cancelled",
        "prints": "test_it_prints_nothing",
        "showsitskey": "test_no_secret_is_seen_in_it",
        "losesevents": None,
    },
    "guardrail": {
        "wantstext": JUDGES,
        "returnsnoverdict": JUDGES,
        "takesturns": "test_its_verdict_is_always_the_same",
        "changesthepayload": "test_it_leaves_what_it_judges_as_it_is",
        "replacesbyanothertype": JUDGES,
        "isneverdone": "test_what_it_put_in_place_it_lets_be",
        "givesnoreason": JUDGES,
        "repeatswhatitrefuses": JUDGES,
        "hasapatternthattakesforever": "test_long_texts_take_no_long",
        "hasapatternthattakeslong": "test_long_texts_take_no_long",
        "ignorescancellation": "test_it_stops_when_it_is_cancelled",
        "sharesstate": "test_its_verdict_is_always_the_same",
        "letsallpass": None,
    },
    "workflow": {
        "names-nobody": "test_its_agents_are_there",
        "stays": STOPS,
        "fails": RESULT,
        "breaks": OBJECTIVES,
        "mixes": MIXES,
        "reaches": NETWORK,
        "is-impatient": RESULT,
        "degrades": RESULT,
    },
}

NOT_CAUGHT = {
    f"{kind}:{name}"
    for kind, seeds in SEEDS.items()
    for name, test in seeds.items()
    if test is None
}

_AGENT = """
import zg_core.plugin_api as zg

@zg.hookimpl
def zg_register_agents():
    return [zg.AgentSpec(name="seed", factory="{module}:Agent")]

class Agent:
    async def run(self, ctx):
        return zg.Reply(output="")
"""
LOADS = "test_it_loads_with_nothing_to_say_against_it"
CHANGES = "test_loading_changes_nothing_outside"
TWICE = "test_it_is_configured_and_shut_down_twice"
MADE = "test_everything_it_offers_can_be_made"
PLUGINS: dict[str, tuple[str | None, str]] = {
    "sound": (None, _AGENT),
    "imports-an-sdk": (
        "test_loading_imports_nothing_heavy",
        _AGENT + "import pydantic",
    ),
    "is-slow": (
        "test_it_loads_quickly",
        _AGENT + "import time\nend = time.process_time() + 0.3\n"
        "while time.process_time() < end: pass",
    ),
    "prints": ("test_loading_prints_nothing", _AGENT + "print('hello')"),
    "prints-below-python": (
        "test_loading_prints_nothing",
        _AGENT + "import os\nos.write(1, b'hello')",
    ),
    "sets-a-variable": (CHANGES, _AGENT + "import os\nos.environ['SEEDED'] = '1'"),
    "sets-up-logging": (
        CHANGES,
        _AGENT + "import logging\nlogging.root.addFilter(lambda record: True)",
    ),
    "handles-a-signal": (
        CHANGES,
        _AGENT + "import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)",
    ),
    "starts-a-thread": (
        CHANGES,
        _AGENT + "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()",
    ),
    "replaces-a-function": (
        CHANGES,
        _AGENT + "import textwrap\ntextwrap.shorten = lambda text, *_, **__: text",
    ),
    "writes-a-file": (
        CHANGES,
        _AGENT + "import tempfile\ntempfile.TemporaryFile().close()",
    ),
    "reaches-the-network": (
        "test_loading_uses_no_network",
        _AGENT + "import socket\n"
        "try: socket.create_connection(('127.0.0.1', 9), 1)\n"
        "except OSError: pass",
    ),
    "ends-the-process": (LOADS, _AGENT + "import os\nos._exit(7)"),
    "cannot-be-imported": (LOADS, "import a_package_nobody_has"),
    "has-an-unknown-hook": (
        LOADS,
        _AGENT + "@zg.hookimpl\ndef zg_register_agent(): pass",
    ),
    "has-an-async-hook": (
        LOADS,
        _AGENT + "@zg.hookimpl\nasync def zg_register_tools(): return []",
    ),
    "offers-another-each-time": (
        "test_hooks_offer_the_same_twice",
        _AGENT + "import itertools\nnumbers = itertools.count()\n@zg.hookimpl\n"
        "def zg_register_classifiers():\n"
        "    return [zg.ClassifierSpec(name=f'c{next(numbers)}',\n"
        "                              factory='{module}:Agent')]",
    ),
    "has-a-built-in-name": (
        "test_names_are_not_those_of_built_in_things",
        _AGENT.replace('"seed"', '"engineer"'),
    ),
    "has-a-function-as-factory": (
        "test_factories_are_references_that_lead_somewhere",
        _AGENT.replace('"{module}:Agent"', "lambda: Agent()"),
    ),
    "has-a-factory-that-is-nowhere": (
        "test_factories_are_references_that_lead_somewhere",
        _AGENT.replace(":Agent", ":Nobody"),
    ),
    "has-a-factory-that-breaks": (
        MADE,
        _AGENT
        + "def make():\n    return {}['missing']\n".replace("{}", "dict()")
        + "zg_register_agents = zg.hookimpl(lambda: [zg.AgentSpec("
        "name='seed', factory='{module}:make')])",
    ),
    "makes-something-else": (
        MADE,
        _AGENT.replace("class Agent", "class Other") + "def Agent():\n    return 1",
    ),
    "shares-its-provider": (
        "test_two_hosts_have_it_at_once",
        _AGENT + "import zg_core.testing\nPROVIDER = []\n"
        "def make():\n"
        "    if not PROVIDER:\n"
        "        PROVIDER.append(zg_core.testing.ScriptedProvider())\n"
        "    return PROVIDER[0]\n"
        "@zg.hookimpl\ndef zg_register_providers():\n"
        "    return [zg.ProviderSpec(name='seed', factory='{module}:make')]",
    ),
    "shuts-down-once": (
        TWICE,
        _AGENT + "held = [1]\n@zg.hookimpl\ndef zg_shutdown():\n    held.pop()",
    ),
    "has-a-schema-that-is-none": (
        "test_tools_have_valid_schemas",
        _AGENT + "@zg.hookimpl\ndef zg_register_tools():\n"
        "    return [zg.ToolSpec(name='seed', factory='{module}:Agent',\n"
        "                        parameters=dict(type='objekt'))]",
    ),
    "is-not-in-its-wheel": (
        "test_the_distribution_has_what_its_entry_points_name",
        _AGENT,
    ),
}
"""Broken plugins: which test catches each, and its module."""


def expected(seed: str) -> str | None:
    """Return the test that catches a seed; `None` if it is sound or none can."""
    kind, _, name = seed.partition(":")
    return PLUGINS[name][0] if kind == "plugin" else SEEDS[kind].get(name)


def code_of(name: str, module: str) -> str:
    """Return a broken plugin's module."""
    return dedent(PLUGINS[name][1]).replace("{module}", module)
