"""Score how well a classifier tells objectives apart; nothing here asks one.

The words, as they are meant here:

- *F1* of a category is the harmonic mean of precision and recall; *macro-F1* is its
  plain mean over every category that an example has or an answer names, as
  scikit-learn's ``f1_score(average="macro")`` has it.
- The *calibration error* is the expected calibration error of Guo et al., "On
  Calibration of Modern Neural Networks" (ICML 2017), §2: answers that have a
  probability, in ten bins of equal width (each with its lower edge, the last with
  both); the mean of what the bins' accuracy and mean probability differ by, weighted
  by their sizes.
- An *abstention*, which a run takes for *general*, is right where the example is
  general. Its precision is the part of abstentions that are right, its recall the
  part of general examples that it abstained from. An answer that names *general* is
  an answer, and no abstention.
- An objective that the classifier *failed* at is wrong: it counts in recall, accuracy
  and confusion, under `FAILED`.
- A *percentile* of the time is the least that so many answers did not take longer
  than (the nearest rank).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ._json import JsonObject
from .route_examples import GENERAL, Example

__all__ = ["FAILED", "Answer", "ClassScore", "KindScore", "RouteScores", "score"]

FAILED = "(failed)"
"""What stands for an answer where there is none."""
_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a classifier made of one objective.

    Attributes:
        category: What a run takes the objective for; `FAILED` if it failed.
        probability: How sure the classifier is; `None` where it abstains or failed.
        seconds: How long it took.
    """

    category: str
    probability: float | None = None
    seconds: float = 0.0

    @property
    def abstains(self) -> bool:
        """Whether it gave no label."""
        return self.category == GENERAL and self.probability is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """How well one category is told.

    Attributes:
        count: How many examples are of it.
        precision: The part of the answers naming it that is right; `None`
            if none names it.
        recall: The part of its examples that are told; `None` if it has none.
        f1: The harmonic mean of both; 0 where either is `None`.
    """

    count: int
    precision: float | None
    recall: float | None
    f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KindScore:
    """How well the examples of one kind are told."""

    count: int
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteScores:
    """How well a classifier tells the examples of a set.

    Attributes:
        count: How many examples there are.
        failed: How many of them the classifier failed at.
        accuracy: The part that is told right.
        macro_f1: The mean of the categories' F1.
        classes: Each category's own scores.
        confusion: How often an example of a category (outer) got an answer (inner).
        calibration_error: `None` if no answer has a probability.
        calibrated: How many answers have one.
        abstained: How many times it abstained.
        abstention_precision: `None` if it never abstained.
        abstention_recall: `None` if no example is general.
        kinds: The scores of each kind of examples, where they have one.
        p50_ms: The median of the time an answer took; `None` if there was none.
        p95_ms: The 95th percentile of it.
    """

    count: int
    failed: int
    accuracy: float
    macro_f1: float
    classes: Mapping[str, ClassScore]
    confusion: Mapping[str, Mapping[str, int]]
    calibration_error: float | None
    calibrated: int
    abstained: int
    abstention_precision: float | None
    abstention_recall: float | None
    kinds: Mapping[str, KindScore]
    p50_ms: float | None
    p95_ms: float | None

    def document(self) -> JsonObject:
        """Return it as JSON, fractions to six places and times to a microsecond."""
        return {
            "count": self.count,
            "failed": self.failed,
            "accuracy": _rounded(self.accuracy),
            "macro_f1": _rounded(self.macro_f1),
            "classes": {
                name: {
                    "count": scored.count,
                    "precision": _rounded(scored.precision),
                    "recall": _rounded(scored.recall),
                    "f1": _rounded(scored.f1),
                }
                for name, scored in self.classes.items()
            },
            "confusion": {name: dict(row) for name, row in self.confusion.items()},
            "calibration_error": _rounded(self.calibration_error),
            "calibrated": self.calibrated,
            "abstained": self.abstained,
            "abstention_precision": _rounded(self.abstention_precision),
            "abstention_recall": _rounded(self.abstention_recall),
            "kinds": {
                name: {"count": k.count, "accuracy": _rounded(k.accuracy)}
                for name, k in self.kinds.items()
            },
            "p50_ms": _rounded(self.p50_ms, 3),
            "p95_ms": _rounded(self.p95_ms, 3),
        }


def score(examples: Sequence[Example], answers: Sequence[Answer]) -> RouteScores:
    """Score the answers to examples, which stand in the same order.

    Raises:
        ValueError: If there are no examples, or not as many answers.
    """
    if not examples or len(examples) != len(answers):
        raise ValueError("there must be an answer to each of one or more examples")
    pairs = Counter(
        (e.label, a.category) for e, a in zip(examples, answers, strict=True)
    )
    truths = Counter(example.label for example in examples)
    said = Counter(a.category for a in answers if a.category != FAILED)
    classes = {
        name: _class(pairs[name, name], truths[name], said[name])
        for name in _in_order({*truths, *said})
    }
    columns = [*classes, *([FAILED] if any(_failed(a) for a in answers) else ())]
    abstained = [e.label for e, a in zip(examples, answers, strict=True) if a.abstains]
    right = abstained.count(GENERAL)
    times = sorted(a.seconds * 1000 for a in answers if not _failed(a))
    return RouteScores(
        count=len(examples),
        failed=sum(map(_failed, answers)),
        accuracy=sum(pairs[name, name] for name in truths) / len(examples),
        macro_f1=math.fsum(c.f1 for c in classes.values()) / len(classes),
        classes=classes,
        confusion={
            name: {column: pairs[name, column] for column in columns}
            for name in classes
            if truths[name]
        },
        calibration_error=_calibration_error(examples, answers),
        calibrated=sum(a.probability is not None for a in answers),
        abstained=len(abstained),
        abstention_precision=_part(right, len(abstained)),
        abstention_recall=_part(right, truths[GENERAL]),
        kinds=_kinds(examples, answers),
        p50_ms=_percentile(times, 0.50),
        p95_ms=_percentile(times, 0.95),
    )


def _class(right: int, count: int, named: int) -> ClassScore:
    return ClassScore(
        count=count,
        precision=_part(right, named),
        recall=_part(right, count),
        f1=2 * right / (count + named),
    )


def _calibration_error(
    examples: Iterable[Example], answers: Iterable[Answer]
) -> float | None:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for example, answer in zip(examples, answers, strict=True):
        if answer.probability is not None:
            place = min(int(answer.probability * _BINS), _BINS - 1)
            right = answer.category == example.label
            bins.setdefault(place, []).append((answer.probability, right))
    if not bins:
        return None
    # A bin's size times the difference of its means is the difference of its sums.
    gaps = (
        abs(math.fsum(p for p, _ in held) - sum(right for _, right in held))
        for held in bins.values()
    )
    return math.fsum(gaps) / sum(map(len, bins.values()))


def _kinds(
    examples: Sequence[Example], answers: Sequence[Answer]
) -> dict[str, KindScore]:
    right: dict[str, list[bool]] = {}
    for example, answer in zip(examples, answers, strict=True):
        if example.kind:
            hit = answer.category == example.label
            right.setdefault(example.kind, []).append(hit)
    return {
        kind: KindScore(count=len(hits), accuracy=sum(hits) / len(hits))
        for kind, hits in sorted(right.items())
    }


def _in_order(names: Iterable[str]) -> list[str]:
    """Return categories by name, with *general* last."""
    return sorted(names, key=lambda name: (name == GENERAL, name))


def _failed(answer: Answer) -> bool:
    return answer.category == FAILED


def _part(some: int, all_of_them: int) -> float | None:
    return some / all_of_them if all_of_them else None


def _percentile(times: Sequence[float], part: float) -> float | None:
    return times[math.ceil(part * len(times)) - 1] if times else None


def _rounded(value: float | None, places: int = 6) -> float | None:
    return None if value is None else round(value, places)
