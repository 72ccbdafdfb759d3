"""Score classifiers on labelled objectives, and show the scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from zg_core._json import JsonObject
from zg_core.config import named_by
from zg_core.engine import Engine
from zg_core.errors import InputError, LimitError, RunError
from zg_core.plugins import PluginHost
from zg_core.plugins.examples import read_file_of
from zg_core.route_examples import MOST_BYTES, Example, of_part, read_examples
from zg_core.route_scores import FAILED, Answer, RouteScores, score
from zg_core.running.classifying import Classifying
from zg_core.specs import ClassifierSpec

from ._invocation import Invocation
from ._output import Output
from ._report import print_spending, spending

__all__ = ["Scored", "Wish", "scored", "show_scores"]

_QUICK = 1.0
"""Seconds after which it is worth saying how far it is."""
_MOST_SHOWN = 5
"""Of the objectives that a classifier failed at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be scored, as the command line says."""

    classifiers: tuple[str, ...]
    data: str | None
    part: str | None
    model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What came of asking one classifier.

    Attributes:
        classifier: Its qualified name.
        failures: The objectives it failed at, each with why.
    """

    classifier: str
    scores: RouteScores
    failures: tuple[tuple[str, str], ...]

    def document(self) -> JsonObject:
        """Return it as JSON."""
        failures = [{"text": t, "error": why} for t, why in self.failures]
        return {
            "classifier": self.classifier,
            **self.scores.document(),
            "failures": failures,
        }


async def show_scores(invocation: Invocation, wish: Wish) -> int:
    """Score classifiers, print the scores, and return the exit code."""
    output, config = invocation.output, invocation.config()
    async with (
        invocation.engine(config, journal="memory") as engine,
        engine.classifying(model=wish.model) as asked,
    ):
        names = _names(engine, asked, wish.classifiers)
        source, examples = _examples(engine.host, names, wish.data)
        examples = of_part(examples, wish.part)
        told = [await scored(asked, name, examples, output) for name in names]
        cost = asked.result if any(map(asked.asks_models, names)) else None
    parts = sorted({example.part for example in examples} - {""})
    output.document(
        {
            "schema": 1,
            "data": source,
            "parts": parts,
            "classifiers": [each.document() for each in told],
            "spent": spending(cost) if cost else None,
        }
    )
    _print(output, source, parts, told)
    if cost:
        output.say()
        print_spending(output, cost)
    for each in told:
        _note_failures(output, each)
    return 1 if any(each.failures for each in told) else 0


async def scored(
    asked: Classifying, name: str, examples: Sequence[Example], output: Output
) -> Scored:
    """Ask a classifier about examples, one after the other, and score its answers.

    Args:
        asked: What asks it.
        name: Its qualified name.
        examples: The examples.
        output: Where it is said how far this is, if it takes long.

    Raises:
        LimitError: If a limit was reached: what is scored in part is not comparable.
    """
    answers: list[Answer] = []
    failures: list[tuple[str, str]] = []
    with _progress(output, f"asking {name}", len(examples)) as advance:
        for example in examples:
            answer, problem = await _answer(asked, name, example.text)
            answers.append(answer)
            if problem:
                failures.append((example.text, problem))
            advance()
    return Scored(
        classifier=name, scores=score(examples, answers), failures=tuple(failures)
    )


async def _answer(asked: Classifying, name: str, text: str) -> tuple[Answer, str]:
    """Return what a run would take an objective for; and why not, if it fails."""
    began = time.perf_counter()
    try:
        said = await asked.label(name, text)
    except LimitError:
        raise
    except RunError as error:
        return Answer(category=FAILED), error.cause
    took = time.perf_counter() - began
    sure = None if said is None else said.probability
    if sure is not None and not _is_probability(sure):
        problem = f"classifier {name!r} gave the probability {sure!r:.30}"
        return Answer(category=FAILED), problem
    category = asked.choice(name, said).label
    return Answer(category=category, probability=sure, seconds=took), ""


def _is_probability(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 1


@contextmanager
def _progress(output: Output, label: str, total: int) -> Iterator[Callable[[], None]]:
    """Say how far something is, once it has taken a while."""
    began, done = time.monotonic(), 0
    show: Callable[[int], None] | None = None
    with ExitStack() as shown:

        def advance() -> None:
            nonlocal done, show
            done += 1
            if show is not None:
                show(1)
            elif done < total and time.monotonic() - began > _QUICK:
                bar = output.bar(label, total, of_bytes=False)
                show = shown.enter_context(bar)
                show(done)

        yield advance


# -- What is asked of whom -----------------------------------------------------------


def _names(
    engine: Engine, asked: Classifying, classifiers: tuple[str, ...]
) -> list[str]:
    """Return the qualified names of the classifiers, each once."""
    if classifiers:
        return list(dict.fromkeys(map(asked.named, classifiers)))
    with named_by(engine.config, "classifier"):
        return [asked.named(engine.config.classifier)]


def _examples(
    host: PluginHost, names: Sequence[str], data: str | None
) -> tuple[str, tuple[Example, ...]]:
    """Return where examples come from, and these, with labels all classifiers know."""
    source, content = _file(data) if data is not None else _brought(host, names)
    examples: tuple[Example, ...] = ()
    for name in names:
        spec = host.find("classifier", name).spec
        assert isinstance(spec, ClassifierSpec)
        examples = read_examples(content, source, spec.labels)
    return source, examples


def _file(path: str) -> tuple[str, bytes]:
    try:
        with Path(path).open("rb") as file:
            return path, file.read(MOST_BYTES + 1)  # a byte more is refused
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{path} cannot be read: {why}",
            "give a file that exists and can be read",
            file=path,
        ) from error


def _brought(host: PluginHost, names: Sequence[str]) -> tuple[str, bytes]:
    """Return the set of the first classifier that brings one, or the built-in one."""
    builtin = (offer.qualified for offer in host.builtin("classifier"))
    for name in (*names, *builtin):
        found = read_file_of(host.find("classifier", name))
        if found is not None:
            return found
    raise InputError("no classifier brings examples", "give some with --data")


# -- How it is shown -----------------------------------------------------------------


def _print(
    output: Output, source: str, parts: Sequence[str], told: Sequence[Scored]
) -> None:
    count = told[0].scores.count
    of_part = f", {' and '.join(parts)}" if parts else ""
    output.say(f"{count:,} objective{'s' * (count != 1)} of {source}{of_part}\n")
    scores = [each.scores for each in told]
    output.table(
        ["MEASURE", *(each.classifier for each in told)],
        [(name, *(show(s) for s in scores)) for name, show in _MEASURES.items()],
    )
    for each in told:
        _print_one(output, each)


def _print_one(output: Output, told: Scored) -> None:
    scores = told.scores
    output.say(f"\n{told.classifier}")
    output.table(
        ["CATEGORY", "EXAMPLES", "PRECISION", "RECALL", "F1"],
        [
            (name, c.count, _percent(c.precision), _percent(c.recall), f"{c.f1:.3f}")
            for name, c in scores.classes.items()
        ],
    )
    columns = list(next(iter(scores.confusion.values())))
    output.say("\nWhat they are, and what they were taken for:")
    output.table(
        ["IS", *columns],
        [(name, *row.values()) for name, row in scores.confusion.items()],
    )
    if scores.kinds:
        output.say()
        output.table(
            ["KIND", "EXAMPLES", "ACCURACY"],
            [(name, k.count, _percent(k.accuracy)) for name, k in scores.kinds.items()],
        )


def _note_failures(output: Output, told: Scored) -> None:
    for text, why in told.failures[:_MOST_SHOWN]:
        output.note(
            f"{told.classifier} failed at {' '.join(text.split())!r:.60}: {why}"
        )
    if (more := len(told.failures) - _MOST_SHOWN) > 0:
        output.note(f"and at {more:,} more")


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"


def _decimal(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _time(value: float | None) -> str | None:
    return None if value is None else f"{value:,.3g} ms"


_MEASURES: dict[str, Callable[[RouteScores], object]] = {
    "macro-F1": lambda s: _decimal(s.macro_f1),
    "accuracy": lambda s: _percent(s.accuracy),
    "calibration error": lambda s: _decimal(s.calibration_error),
    "abstained": lambda s: s.abstained,
    "abstention precision": lambda s: _percent(s.abstention_precision),
    "abstention recall": lambda s: _percent(s.abstention_recall),
    "failed": lambda s: s.failed,
    "p50": lambda s: _time(s.p50_ms),
    "p95": lambda s: _time(s.p95_ms),
}
