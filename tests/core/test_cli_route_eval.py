"""``zg route eval``: scores of classifiers, and what stands in the way of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from calling import Called, Caller
from installing import Site

from zg_core.cli import main

SCORED = (
    ("Build a web application", "technical"),
    ("Plan a strategy", "strategic"),
    ("Fix the login", "technical"),  # which no pattern knows
    ("What is a good name for a cat?", "general"),
)


def data(path: Path, *rows: Any) -> str:
    """Write a file of labelled objectives, and return its name."""
    lines = [
        row if isinstance(row, str) else json.dumps({"text": row[0], "label": row[1]})
        for row in rows
    ]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return str(path)


# -- What is scored ------------------------------------------------------------------


def test_a_classifier_is_scored_on_a_file(zg: Caller, tmp_path: Path) -> None:
    file = data(tmp_path / "own.jsonl", *SCORED)

    done = zg("route", "eval", "--classifier", "keyword", "--data", file, "--json")

    assert done.code == 0
    document = done.document
    assert (document["data"], document["parts"], document["spent"]) == (file, [], None)
    [scores] = document["classifiers"]
    assert scores["classifier"] == "builtin:keyword"
    assert (scores["count"], scores["accuracy"]) == (4, 0.75)
    # technical 2/3, strategic 1, general 2/3
    assert scores["macro_f1"] == round((2 / 3 + 1 + 2 / 3) / 3, 6)
    assert (scores["abstained"], scores["abstention_precision"]) == (2, 0.5)
    assert scores["abstention_recall"] == 1.0
    assert scores["confusion"]["technical"] == {
        "strategic": 0,
        "technical": 1,
        "general": 1,
    }
    assert scores["failures"] == []
    assert scores["p50_ms"] <= scores["p95_ms"]


def test_people_see_a_table(zg: Caller, tmp_path: Path) -> None:
    file = data(tmp_path / "own.jsonl", *SCORED)

    done = zg("route", "eval", "--classifier", "keyword", "--data", file)

    assert (done.code, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["4", "objectives", "of", file]
    assert ["macro-F1", "0.778"] in lines
    assert ["abstention", "precision", "50.0%"] in lines
    assert ["technical", "2", "100.0%", "50.0%", "0.667"] in lines
    assert ["IS", "strategic", "technical", "general"] in lines
    assert ["technical", "0", "1", "1"] in lines


def test_the_built_in_set_is_scored_where_no_data_is_given(zg: Caller) -> None:
    done = zg("route", "eval", "--classifier", "keyword", "--json")
    every = zg("route", "eval", "--classifier", "keyword", "--part", "all", "--json")

    assert (done.code, every.code) == (0, 0)
    assert (done.document["parts"], every.document["parts"]) == (
        ["test"],
        ["test", "train"],
    )
    [test], [whole] = done.document["classifiers"], every.document["classifiers"]
    assert whole["count"] >= 400
    assert 0 < test["count"] < whole["count"]
    assert sum(kind["count"] for kind in test["kinds"].values()) == test["count"]


CLASSIFIERS = """
    import zg_core.plugin_api as zg

    @zg.hookimpl
    def zg_register_classifiers():
        return [
            zg.ClassifierSpec(name="one", factory=One, examples="zg_own:own.jsonl"),
            zg.ClassifierSpec(name="moody", factory=Moody),
            zg.ClassifierSpec(name="odd", factory=Odd),
        ]

    class One:
        async def classify(self, text):
            return zg.Label("technical", 0.7, "always")

    class Moody:
        async def classify(self, text):
            if "strategy" in text:
                raise KeyError("no strategies")
            return None

    class Odd:
        async def classify(self, text):
            return zg.Label("technical", float("nan"))
"""
OWN = '{"text": "Build it", "label": "technical"}\n'


def test_several_are_compared_on_the_set_that_the_first_of_them_brings(
    zg: Caller, site: Site
) -> None:
    site.install_with_files("zg-own", CLASSIFIERS, own=OWN)

    done = zg("route", "eval", "--classifier", "keyword", "--classifier", "one")
    own = zg("route", "eval", "--classifier", "one", "--classifier", "keyword")

    assert done.out.splitlines()[2].split() == [
        "MEASURE",
        "builtin:keyword",
        "zg-own:one",
    ]
    assert own.out.splitlines()[0] == "1 objective of zg_own:own.jsonl"
    assert (done.code, own.code) == (0, 0)


def test_what_it_fails_at_is_counted_and_said(
    zg: Caller, site: Site, tmp_path: Path
) -> None:
    site.install_with_files("zg-own", CLASSIFIERS, own=OWN)
    file = data(tmp_path / "own.jsonl", *SCORED)
    asked = ("route", "eval", "--classifier", "moody", "--data", file)

    shown, done = zg(*asked), zg(*asked, "--json")

    [scores] = done.document["classifiers"]
    assert (shown.code, done.code) == (1, 1)
    assert (scores["failed"], scores["confusion"]["strategic"]) == (
        1,
        {"strategic": 0, "technical": 0, "general": 0, "(failed)": 1},
    )
    [failure] = scores["failures"]
    assert failure["text"] == "Plan a strategy"
    assert "KeyError: 'no strategies'" in failure["error"]
    assert "zg-own:moody failed at 'Plan a strategy'" in shown.err


def test_a_probability_that_is_none_is_a_failure(
    zg: Caller, site: Site, tmp_path: Path
) -> None:
    site.install_with_files("zg-own", CLASSIFIERS, own=OWN)
    file = data(tmp_path / "own.jsonl", *SCORED)

    done = zg("route", "eval", "--classifier", "odd", "--data", file, "--json")

    [scores] = done.document["classifiers"]
    assert (done.code, scores["failed"], scores["p50_ms"]) == (1, 4, None)


def test_a_category_nobody_knows_is_general_as_in_a_run(
    zg: Caller, site: Site, tmp_path: Path
) -> None:
    code = CLASSIFIERS.replace('Label("technical", 0.7', 'Label("weather", 0.7')
    site.install_with_files("zg-own", code, own=OWN)
    file = data(tmp_path / "own.jsonl", ("Will it rain?", "general"))

    done = zg("route", "eval", "--classifier", "one", "--data", file, "--json")

    [scores] = done.document["classifiers"]
    assert (scores["accuracy"], scores["abstained"]) == (1.0, 0)


# -- What cannot be ------------------------------------------------------------------

GOOD = '{"text": "Build it", "label": "technical"}'


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ((), "has no examples"),
        (("", "  "), "has no examples"),
        ((GOOD, "{"), "line 2: it is not JSON: Expecting property name"),
        ((GOOD, "[1]"), "line 2: it is no JSON object"),
        (("[" * 100_000,), "line 1: it is not JSON that can be read"),
        (('{"label": "general"}',), "line 1: it has no 'text'"),
        (('{"text": "Build"}',), "line 1: it has no 'label'"),
        (('{"text": 1, "label": "general"}',), "line 1: it has 'text' that is no text"),
        (('{"text": " ", "label": "general"}',), "line 1: it cannot be an objective"),
        (
            ('{"text": "a\\u0000", "label": "general"}',),
            "the objective has the character U+0000",
        ),
        (
            ('{"text": "a", "label": "general", "lable": "x"}',),
            "line 1: it has the unknown key 'lable'; did you mean 'label'?",
        ),
        (('{"text": "a", "label": "No!"}',), "has the label 'No!', which is none"),
        (
            ('{"text": "a", "label": "technicla"}',),
            "line 1: nothing is labelled 'technicla' here",
        ),
        (
            ('{"text": "a", "label": "general", "part": "dev"}',),
            "has the part 'dev'; there are train and test",
        ),
        (
            ('{"text": "a", "label": "general", "kind": "so so"}',),
            "has the kind 'so so', which is no word",
        ),
        (
            (GOOD, "", '{"text": "build  IT ", "label": "creative"}'),
            "line 3: it is line 1 once more",
        ),
    ],
)
def test_bad_data_is_named_by_its_line(
    rows: tuple[str, ...], cause: str, zg: Caller, tmp_path: Path
) -> None:
    file = data(tmp_path / "own.jsonl", *rows)

    done = zg("route", "eval", "--classifier", "keyword", "--data", file, "--json")

    assert done.code == 2
    assert cause in done.document["error"]["cause"]
    assert done.document["error"]["cause"].startswith(file)
    assert done.document["error"]["remedy"]


def refused(done: Called) -> str:
    assert done.code == 2
    return f"{done.document['error']['cause']}: {done.document['error']['remedy']}"


def test_a_file_that_is_no_text_or_too_large_or_not_there_is_refused(
    zg: Caller, tmp_path: Path
) -> None:
    file = tmp_path / "own.jsonl"

    def score(content: bytes | None) -> str:
        if content is not None:
            file.write_bytes(content)
        path = file if content is not None else tmp_path / "none.jsonl"
        return refused(zg("route", "eval", "--data", str(path), "--json"))

    assert "line 2: it is not UTF-8 at byte 1" in score(GOOD.encode() + b"\n\xff\n")
    assert "larger than 16 MB" in score(b" " * 16_000_001)
    assert "No such file" in score(None)
    assert "Is a directory" in refused(
        zg("route", "eval", "--data", str(tmp_path), "--json")
    )


def test_a_part_that_is_empty_is_refused(zg: Caller, tmp_path: Path) -> None:
    file = data(tmp_path / "own.jsonl", *SCORED)

    done = zg("route", "eval", "--data", file, "--part", "train", "--json")

    assert "no example is of the part 'train'" in refused(done)


def test_a_classifier_that_is_not_there_is_refused(zg: Caller) -> None:
    done = zg("route", "eval", "--classifier", "keywrod", "--json")

    assert "there is no classifier named 'keywrod'" in refused(done)
    assert "did you mean 'keyword'?" in refused(done)


@pytest.mark.heavy
def test_ctrl_c_ends_it_with_nothing_printed(site: Site, tmp_path: Path) -> None:
    slow = CLASSIFIERS.replace(
        "        async def classify(self, text):\n            return zg.Label(",
        "        async def classify(self, text):\n"
        "            import anyio\n            print('asked')\n"
        "            await anyio.sleep_forever()\n            return zg.Label(",
        1,
    )
    site.install_with_files("zg-own", slow, own=OWN)
    process = subprocess.Popen(
        [sys.executable, "-m", "zg_core.cli", "route", "eval", "--classifier", "one"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(site.folder)},
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "asked\n"

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert (out, process.returncode) == ("", 130)
    assert err.splitlines()[-1] == "interrupted"


# -- The word `eval` -----------------------------------------------------------------


def test_only_the_exact_word_is_the_command(zg: Caller) -> None:
    plain = zg("route", "evaluate options", "--classifier", "keyword", "--json")
    quoted = zg("route", "--classifier", "keyword", "eval", "--json")
    behind = zg("route", "--json", "--", "eval")
    command = zg("route", "--json", "eval", "--classifier", "keyword")

    assert plain.document["route"]["label"] == "strategic"
    assert quoted.document["objective"] == behind.document["objective"] == "eval"
    assert "classifiers" in command.document


def test_help_tells_of_both(zg: Caller) -> None:
    help_of_route, help_of_eval = zg("route", "--help"), zg("route", "eval", "--help")

    assert "Usage: zg route [OPTIONS] OBJECTIVE\n" in help_of_route.out
    assert "eval  Score classifiers" in help_of_route.out
    assert "Usage: zg route eval [OPTIONS]\n" in help_of_eval.out


def test_a_shell_completes_the_word_and_what_follows_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_ZG_COMPLETE", "bash_complete")

    def completed(line: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
        with pytest.raises(SystemExit):
            main([])
        return capsys.readouterr().out.split()

    assert completed("zg route ev") == ["plain,eval"]
    assert completed("zg route eval --classifier k") == ["plain,keyword"]
    assert completed("zg route plain --cl") == ["plain,--classifier"]


def test_an_objective_is_still_needed(zg: Caller) -> None:
    done = zg("route")

    assert done.code == 2
    assert "Missing argument 'OBJECTIVE'" in done.err
