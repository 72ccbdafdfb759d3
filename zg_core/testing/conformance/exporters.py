"""What every exporter must do: take any events, and hold nobody up."""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, ClassVar, cast

import anyio
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...events import Event, Progressed, UnknownEvent
from ...exporters import Exporter
from .._strategies import KINDS, json_objects, records, texts
from .base import for_any, level
from .plugins import PluginConformance
from .timing import stops, within

__all__ = ["ExporterConformance", "events"]


def events() -> SearchStrategy[Event]:
    """Return a strategy for events of every kind, also of one from the future."""
    unknown = st.builds(UnknownEvent, type=texts, data=json_objects)
    return st.one_of(*map(records, KINDS), unknown).map(_possible)


def _possible(value: Any) -> Any:
    """Return an event whose amounts may be: no run costs less than nothing."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return min(abs(value), 10**9)
    if isinstance(value, tuple):
        return tuple(map(_possible, value))
    if is_dataclass(value) and not isinstance(value, type):
        amounts = {f.name: _possible(getattr(value, f.name)) for f in fields(value)}
        return replace(value, **amounts)
    return value


class ExporterConformance(PluginConformance):
    """Standard tests of an exporter, and of its plugin.

    ```python
    class TestJsonl(ExporterConformance):
        plugin = "zg-jsonl"
        exporter = "jsonl"
    ```

    Attributes:
        exporter: Its short name.
        secrets: What must not be seen in it: its keys.
    """

    exporter: ClassVar[str]
    secrets: ClassVar[Sequence[str]] = ()

    def make_exporter(self) -> Exporter:
        """Return a new one; by default what its factory makes of `config`."""
        return cast(Exporter, self.make("exporter", self.exporter))

    def _what(self) -> str:
        return f"the exporter {self.exporter!r}"

    def _export(self, batch: Sequence[Event]) -> None:
        async def export() -> None:
            exporter = self.make_exporter()
            await _done(exporter.export, batch)
            await _done(exporter.flush, 2.0)
            await _done(exporter.close)

        within(10.0, export, self._what())

    @level(1)
    def test_it_takes_any_events(self) -> None:
        """Also none, and kinds that a later version adds; it never raises."""
        self._export([])

        @for_any(st.lists(events(), max_size=5), examples=60)
        def law(batch: list[Event]) -> None:
            self._export(batch)

        law()

    @level(1)
    def test_it_leaves_events_as_they_are(self) -> None:
        """Others get the same ones."""

        @for_any(st.lists(events(), min_size=1, max_size=3), examples=15)
        def law(batch: list[Event]) -> None:
            before = copy.deepcopy(batch)
            self._export(batch)
            assert batch == before

        law()

    @level(1)
    def test_a_batch_is_soon_taken(self) -> None:
        """What takes longer is for `flush`; batches that wait are dropped."""
        batch = [Progressed(seq=n, step="plan", message="on") for n in range(1, 101)]

        async def export() -> float:
            exporter = self.make_exporter()
            began = time.monotonic()
            await _done(exporter.export, batch)
            took = time.monotonic() - began
            await _done(exporter.close)
            return took

        assert within(30.0, export, self._what()) < 2.0

    @level(1)
    def test_it_flushes_in_time(self) -> None:
        """Within the seconds it is given, and as often as it is asked."""

        async def flush() -> list[float]:
            exporter = self.make_exporter()
            await _done(exporter.export, [Progressed(step="plan", message="on")])
            took: list[float] = []
            for _ in range(2):
                began = time.monotonic()
                await _done(exporter.flush, 0.5)
                took.append(time.monotonic() - began)
            await _done(exporter.close)
            return took

        assert max(within(30.0, flush, self._what())) < 1.0

    @level(1)
    def test_it_can_be_closed_twice(self) -> None:
        """Used or not, and in a second."""

        async def close() -> None:
            for used in (False, True):
                exporter = self.make_exporter()
                if used:
                    await _done(exporter.export, [Progressed(step="p", message="on")])
                with anyio.fail_after(2.0):
                    await _done(exporter.close)
                    await _done(exporter.close)

        within(30.0, close, self._what())

    @level(1)
    def test_it_stops_when_it_is_cancelled(self) -> None:
        """Within a second."""
        batch = [Progressed(step="plan", message="on")]
        stops(
            lambda: _done(self.make_exporter().export, batch), self._what(), after=0.0
        )

    @level(1)
    def test_it_prints_nothing(self) -> None:
        """Standard output is the command's."""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self._export([Progressed(step="plan", message="on")])
        assert printed.getvalue() == ""

    @level(1)
    def test_no_secret_is_seen_in_it(self) -> None:
        """It is printed where something goes wrong."""
        seen = repr(self.make_exporter())
        assert not [secret for secret in self.secrets if secret in seen]


async def _done(method: Callable[..., Any], *arguments: object) -> None:
    """Call a method as the engine does."""
    if inspect.iscoroutinefunction(method):
        await method(*arguments)
        return
    from anyio import to_thread

    found = await to_thread.run_sync(method, *arguments, abandon_on_cancel=True)
    if inspect.isawaitable(found):
        await found
