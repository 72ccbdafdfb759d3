"""Expressions of workflows: refused with the place, evaluated at a bounded cost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zg_core import WorkflowError
from zg_core._expressions import check_expression, evaluate, is_true

WHOSE = "'when' of step 'b'"
KNOWN = ("draft", "my-step", "objective")


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "it is empty"),
        ("draft == `done`", "text in backticks, which belongs into single quotes"),
        ("   ", "something is missing at the end"),
        ("draft ==", "something is missing at the end in 'draft =='"),
        ("draft = 'x'", "'=' is not expected at character 7"),
        ("draft..ok", "'.' is not expected at character 7"),
        ("draft ok", "'ok' is not expected at character 7"),
        ("draft == 'x", "is not expected at character 10"),
        (
            "my-step.ok",
            """a name with a hyphen stands in double quotes, as in "my-step""",
        ),
        ("(" * 1500, "it is nested too deep"),
        ("!" * 1999 + "a", "it is nested too deep"),
        ("a" * 2001, "has 2,001 characters; 2,000 is most"),
        ("lenth(draft)", "calls the function 'lenth'.*did you mean 'length'"),
        ("zzz(draft)", "calls the function 'zzz'.*it has abs, "),
        ("length(draft, draft)", "2 arguments instead of 1"),
        ("not_null()", "0 arguments instead of at least 1"),
        ("drft.ok", "mentions 'drft', which it cannot see; did you mean 'draft'"),
        ("zzz", "it sees draft, my-step, objective; add what else"),
        ("draft.ok == true", "mentions 'true'.*write a value in backticks: `true`"),
        ('draft == "done"', "write text in single quotes: 'done'"),
        ("draft.ok && zzz", "mentions 'zzz'"),
        ("[draft, zzz]", "mentions 'zzz'"),
        ("{a: zzz}", "mentions 'zzz'"),
        ("@.zzz", "mentions 'zzz'"),
        ("!zzz", "mentions 'zzz'"),
        ("length(zzz)", "mentions 'zzz'"),
        ("zzz[?ok]", "mentions 'zzz'"),
        ("zzz[*].a", "mentions 'zzz'"),
        ("zzz | [0]", "mentions 'zzz'"),
    ],
)
def test_what_is_not_well_formed_is_refused_with_cause_and_remedy(
    expression: str, why: str
) -> None:
    with pytest.raises(WorkflowError, match=why) as caught:
        check_expression(expression, WHOSE, KNOWN)

    assert caught.value.cause.startswith(WHOSE)
    assert caught.value.remedy
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "expression",
    [
        "draft.ok",
        "@.draft",
        '"my-step".ok',
        "draft[?foo == 'x'].bar",
        "draft.items[*].name | [0]",
        "map(&anything, draft)",
        "draft[1:2]",
        "*.ok",
        "objective == 'x' || draft.n > `3`",
        "sort_by(draft, &age)[-1].name",
        "merge(draft, draft, draft)",
    ],
)
def test_only_what_is_sure_to_be_wrong_is_refused(expression: str) -> None:
    check_expression(expression, WHOSE, KNOWN)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("length(n)", r"length\(\) takes string or array or object, and is given num"),
        ("sum(text)", r"sum\(\) takes array-number, and is given string"),
        ("n < text", "not supported between"),
        ("ceil(`1e400`)", "infinity"),
        ("sort_by(mixed, &@)", r"sort_by\(\) takes "),
        ("max_by(mixed, &@)", "not supported between"),
        ("items[::0]", "[Cc]annot be 0|cannot be zero"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(expression: str, why: str) -> None:
    document = {"n": 3, "text": "abc", "mixed": [1, "a"], "items": [1]}
    with pytest.raises(WorkflowError, match=f"cannot be evaluated: .*{why}"):
        evaluate(expression, document, WHOSE)


HOSTILE = [
    "|".join(["[@,@]"] * 300) + "|to_string(@)",
    "|".join(["[@,@]"] * 300) + "|@[0]==@[1]",
    "|".join(["[@,@]"] * 300),
    "a|" + "|".join(["[@,@][]"] * 200),
    "s|" + "|".join(["join('',[@,@])"] * 100),
    "s|" + "|".join(["join(@,[@,@,@])"] * 100),
    "|".join(["{a:@,b:@}"] * 150) + "|to_string(@)",
    "|".join(["[@,@]"] * 300) + "|contains(@, @)",
    "many[*].[$many] | [0]".replace("$many", "@"),
    "sort_by(wide, &@)",
    "join(s, map(&'', many))",
    "many[?length(to_string(@)) > `0`][]" + "[]" * 300,
    "map(&map(&map(&@, @), @), [[many], [many], [many]])",
]


@pytest.mark.parametrize("expression", HOSTILE)
def test_hostile_ones_cost_no_more_than_they_may(expression: str) -> None:
    document: Any = {
        "a": [1, 2, 3],
        "s": "x" * 100_000,
        "many": [1] * 50_000,
        "wide": ["x" * 6_300] * 9_000,
    }
    with pytest.raises(WorkflowError, match=r"too much work|nested too deep"):
        evaluate(expression, document, WHOSE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.text(alphabet="ab.[]()*?&|!@'\"`,:{}<=>-01 ", max_size=30), JSON)
@example("`", None)
@example("a[::0]", [1])
def test_any_text_is_refused_or_evaluated(expression: str, value: Any) -> None:
    document = {"a": value, "b": [value, value]}
    refused: WorkflowError | None = None
    try:
        check_expression(expression, WHOSE, document)
        evaluate(expression, document, WHOSE)
    except WorkflowError as error:
        refused = error

    assert refused is None or (refused.cause and refused.remedy)


@given(JSON)
def test_truth_is_as_jmespath_has_it(value: Any) -> None:
    document = {"a": [value]}
    found = evaluate("a[?@]", document, WHOSE)

    # A filter keeps what is true; what is null it leaves out either way.
    assert is_true(value) == (found == [value])


def test_a_name_with_a_hyphen_stands_in_quotes() -> None:
    assert evaluate('"my-step".ok', {"my-step": {"ok": 3}}, WHOSE) == 3
