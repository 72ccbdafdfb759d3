"""A manifest says of a plugin what the plugin would say itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from laws.strategies import json_values, texts, unhurried

import zg_core as zg
from zg_core._names import is_name
from zg_core.guardrails import Stage, Subject
from zg_core.plugins.check import cleaned
from zg_core.plugins.finding.scan import Copy
from zg_core.plugins.finding.sources import Source
from zg_core.plugins.manifests.format import (
    drift,
    manifest_of,
    manifest_text,
    objection,
)
from zg_core.plugins.manifests.index import read_manifest
from zg_core.plugins.manifests.json_schema import KNOWN
from zg_core.plugins.manifests.shown import USUAL, shown
from zg_core.registry import Contribution, Kind
from zg_core.specs import Effect, Risk, Spec

ROOT = Path(zg.__file__).parent
SCHEMA = json.loads((ROOT / "schemas" / "zg_plugin.v1.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

RESERVED = {"all", "builtin", "none"}
names = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True).filter(
    lambda name: name not in RESERVED
)
tuples = st.lists(texts, max_size=3).map(tuple)
# JSON has one zero: what is written as -0.0 reads as 0.0.
numbers = st.floats(allow_nan=False, allow_infinity=False).map(lambda n: n + 0.0)
about = {"name": names, "description": texts, "deprecated": st.none() | texts}
made = about | {"factory": st.just("builtins:object")}
specs: dict[Kind, st.SearchStrategy[Spec]] = {
    "agent": st.builds(
        zg.AgentSpec,
        **made,
        task_types=tuples,
        tools=tuples,
        capabilities=tuples,
        complexity_threshold=numbers,
        needs_model=st.booleans(),
        overrides=st.none() | texts,
    ),
    "tool": st.builds(
        zg.ToolSpec,
        **made,
        effect=st.sampled_from(get_args(Effect)),
        capabilities=st.frozensets(texts, max_size=3),
        risk=st.sampled_from(get_args(Risk)),
        requires_approval=st.booleans(),
        timeout_seconds=st.none() | numbers,
    ),
    "provider": st.builds(
        zg.ProviderSpec,
        **made,
        default_model=st.none() | texts,
        detect=st.none()
        | st.builds(zg.Detect, env=tuples, module=st.none() | texts, url=texts),
        env=tuples,
        free=st.booleans(),
    ),
    "classifier": st.builds(zg.ClassifierSpec, **made, labels=tuples),
    "exporter": st.builds(
        zg.ExporterSpec,
        **made,
        signals=st.frozensets(st.sampled_from(["metrics", "traces", "events"])),
    ),
    "guardrail": st.builds(
        zg.GuardrailSpec,
        **made,
        stages=st.frozensets(st.sampled_from(get_args(Stage))),
        subjects=st.frozensets(st.sampled_from(get_args(Subject))),
    ),
    "workflow": st.builds(
        zg.WorkflowSpec,
        **about,
        workflow=st.lists(names, min_size=1, max_size=3, unique=True).map(
            lambda steps: zg.Workflow("w", tuple(zg.Step(s, agent="a") for s in steps))
        ),
    ),
    "journal": st.builds(zg.JournalSpec, **made),
    "runtime": st.builds(zg.RuntimeSpec, **made),
    "command": st.builds(zg.CommandSpec, **made),
}


@st.composite
def offers(draw: st.DrawFn) -> list[Contribution]:
    """What one plugin offers, as it is after it was loaded."""
    found: list[Contribution] = []
    for kind in draw(st.lists(st.sampled_from(get_args(Kind)), unique=True)):
        things = st.lists(specs[kind], max_size=3, unique_by=lambda s: s.name)
        found += [Contribution(kind, cleaned(s)[0], "zg-a") for s in draw(things)]
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Return where a plugin is installed."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "zg_a").mkdir()
    metadata = folder / "zg_a-1.0.dist-info"
    copy = Copy(name="zg-a", folder=str(metadata), offers=(("a", "zg_a"),))
    return Source(id="zg-a", reference="zg_a", copy=copy, manifest="zg_a:m.json")


@given(offers(), st.randoms())
@unhurried
def test_what_is_written_of_a_plugin_reads_the_same(
    source: Source, offered: list[Contribution], random: Any
) -> None:
    document = manifest_of(offered, 1)
    assert source.copy
    path = Path(source.copy.root, "zg_a", "m.json")
    path.write_text(manifest_text(document), encoding="utf-8")
    findings = source.findings()

    read = read_manifest(source, findings)

    assert VALIDATOR.is_valid(document)
    assert findings.diagnostics == []
    assert read
    assert sorted(
        (c.kind, c.name, c.spec.description, json.dumps(shown(c.spec)))
        for c in read.contributions
    ) == sorted(
        (c.kind, c.name, c.spec.description, json.dumps(shown(c.spec))) for c in offered
    )
    assert all(c.plugin == "zg-a" for c in read.contributions)
    assert drift(document, offered) == ((), ())
    shuffled = random.sample(offered, len(offered))
    assert manifest_text(manifest_of(shuffled, 1)) == manifest_text(document)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container inside a JSON value with a key of it."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield value, key
            yield from places(value[key])


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """Draw a manifest in which something may be something else."""
    document = deepcopy(manifest_of(draw(offers()), draw(st.integers())))
    for _ in range(draw(st.integers(0, 2))):
        container, key = draw(st.sampled_from(list(places(document))))
        near = st.sampled_from([1, 1.0, True, None, "once", "none", "a\n", [], {}])
        if draw(st.booleans()):
            container[key] = draw(near | json_values | names)
        elif isinstance(container, dict):
            del container[key]
        if not isinstance(document, dict) or not document:
            break
    return document


@given(spoilt() | json_values)
@unhurried
def test_the_quick_check_and_jsonschema_agree(document: Any) -> None:
    assert bool(objection(document)) == (not VALIDATOR.is_valid(document))


@given(st.from_regex(r"[a-zA-Z_0-9-]{0,66}\n?", fullmatch=True) | texts)
def test_the_schema_allows_the_names_that_we_do(name: str) -> None:
    document = {"manifest_version": 1, "api": 1}
    document["contributes"] = {"journals": [{"name": name}]}  # type: ignore[assignment]

    allowed = is_name(name) and name not in RESERVED
    assert VALIDATOR.is_valid(document) == allowed


def words(schema: Any) -> Iterator[str]:
    """Yield the words of JSON Schema that a schema uses."""
    for word, said in schema.items():
        yield word
        if word in ("properties", "$defs"):
            for part in said.values():
                yield from words(part)
        elif word in ("items", "not"):
            yield from words(said)


def test_the_schema_is_one_and_uses_words_we_know() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert set(words(SCHEMA)) <= KNOWN


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_schema_knows_what_lists_show(kind: Kind) -> None:
    contributes = SCHEMA["properties"]["contributes"]["properties"]
    name = contributes[f"{kind}s"]["items"]["$ref"].rpartition("/")[2]
    known = set(SCHEMA["$defs"]["thing"]["properties"])
    known |= set(SCHEMA["$defs"][name]["properties"])

    derived = {"steps"} if kind == "workflow" else set()
    assert known == {"name", "description", *USUAL[kind]} | derived
