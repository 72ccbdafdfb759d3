"""A command under a drill: what it prints is held back, and its runs are looked at."""

from __future__ import annotations

from collections.abc import Iterator

from zg_core._json import Json, JsonObject
from zg_core.drill_reports import Bound, DrillReport, drill_report
from zg_core.drills import Drill
from zg_core.engine import Engine
from zg_core.running.traffic import LaneState

from ._output import Output
from ._words import seconds

__all__ = ["Drilling"]


class Held(Output):
    """Output that keeps documents, to be printed as part of another one."""

    def __init__(self, real: Output) -> None:
        super().__init__(real.stdout, real.stderr, as_json=real.as_json)
        self.documents: list[Json] = []

    def document(self, value: Json) -> None:
        """Keep a document, whether or not JSON was asked for."""
        self.documents.append(value)


class Drilling:
    """One command under a drill.

    Args:
        drill: The faults.
        output: Where the command would print.

    Attributes:
        drill: The same.
        output: Where it prints.
    """

    def __init__(self, drill: Drill, output: Output) -> None:
        self.drill = drill
        self.output = Held(output)
        self._real = output
        self._report: DrillReport | None = None
        self._lanes: dict[str, LaneState] = {}

    async def look_at(self, engine: Engine) -> None:
        """Take in what a run came to, before its engine is closed."""
        for document in self.output.documents[:1]:
            if isinstance(document, dict) and "run_id" in document:
                events = await engine.journal.read(document["run_id"])
                self._report = drill_report(events)
                self._lanes = engine.traffic.snapshot()

    def report(self, code: int) -> None:
        """Print how it went; to standard error, unless JSON was asked for."""
        documents = [*self.output.documents, None]
        drill = {"drill": self._document(code), "result": documents[0]}
        self._real.document(drill)
        if self._real.as_json:
            return
        self._real.note(f"drill {self.drill}: exit code {code}")
        for label, text in self._lines() if self._report else ():
            self._real.note(f"  {label:16}{text}")
        if self._report is None:
            self._real.note("  no run was done")

    def _document(self, code: int) -> JsonObject:
        document: JsonObject = {
            "drill": str(self.drill),
            "seed": self.drill.seed,
            "exit_code": code,
        }
        if self._report is None:
            return document
        breakers = {
            model: {
                "state": lane.breaker,
                "opened": lane.opened,
                "refused": lane.refused,
            }
            for model, lane in self._lanes.items()
        }
        return document | self._report.document() | {"breakers": breakers}

    def _lines(self) -> Iterator[tuple[str, str]]:
        assert self._report is not None
        report = self._report
        yield "run", f"{report.run_id} {report.status}, {seconds(report.seconds)}"
        good = _or_nothing(report.goodput, "{:.0%}")
        rate = _or_nothing(report.answered_per_second, "{:.1f}")
        yield "needed calls", f"{report.needed_calls}"
        yield "answered", f"{report.answered_calls} (goodput {good}, {rate} a second)"
        times = _or_nothing(report.amplification, "{:.2f}")
        yield "provider calls", f"{report.provider_calls} ({times} a needed call)"
        for model, kinds in report.injected.items():
            counts = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
            yield "injected", f"{model}: {counts}"
        waited = seconds(report.waited_seconds)
        yield "retries", f"{report.retries}, which waited {waited}"
        yield "fallbacks", f"{report.fallbacks}"
        for model, lane in self._lanes.items():
            times = f"opened {lane.opened}, refused {lane.refused}"
            yield "breaker", f"{model}: {lane.breaker} ({times})"
        for name, bound in report.bounds.items():
            yield "budget", _kept(name, bound)
        for step, bounds in report.step_bounds.items():
            for name, bound in bounds.items():
                yield "budget", _kept(name, bound, f" of step {step}")


def _kept(name: str, bound: Bound, whose: str = "") -> str:
    kept = "kept" if bound.kept else "PASSED"
    spent = f"{bound.spent:,.6g} spent, {bound.lost:,.6g} lost at the worst"
    return f"{kept}: {name} {bound.allowed:,.6g}{whose} ({spent})"


def _or_nothing(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
