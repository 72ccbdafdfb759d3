"""What every tool must do: take what its schema allows, and give JSON."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import anyio
import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..._isolation import contained
from ..._json import Json, JsonObject
from ..._schema import call_function, parameters_of
from ..._validation import argument_errors
from ...config import Config
from ...contexts import Context
from ...errors import ZeroGravityError
from ...signals import Retry
from ...specs import ToolSpec
from ...tools import Tool
from .._offline import in_step
from .arguments import fitting_values
from .base import for_any, level
from .plugins import PluginConformance, _source
from .timing import stops, within
from .watching import watched

__all__ = ["ToolConformance"]

_LARGEST = 1_000_000
_ALLOWED = (Retry, ZeroGravityError, OSError)
"""What a tool may raise: to ask for better arguments, an error of ours, or what the
world did to it. Anything else is a mistake in the tool."""


class ToolConformance(PluginConformance):
    """Standard tests of a tool, and of its plugin.

    ```python
    class TestCount(ToolConformance):
        plugin = "zg-words"
        tool = "count_words"
    ```

    Attributes:
        tool: Its short name.
        arguments: What to call it with, where any arguments that fit its schema
            would do harm, or reach something that is not there.
        deterministic: Whether the same arguments give the same result.
    """

    tool: ClassVar[str]
    arguments: ClassVar[Sequence[JsonObject]] = ()
    deterministic: ClassVar[bool] = True

    def _spec(self) -> ToolSpec:
        spec = self.offer("tool", self.tool).spec
        assert isinstance(spec, ToolSpec)
        return spec

    def _any_arguments(self) -> SearchStrategy[Any]:
        if self.arguments:
            return st.sampled_from([dict(given) for given in self.arguments])
        schema = parameters_of(self._spec())
        return fitting_values(schema).filter(
            lambda value: not argument_errors(schema, value)
        )

    async def _in_step(self, work: Any) -> Any:
        sections = {_source(self.plugin).id: self.config} if self.config else {}
        config = Config(plugins_config=sections, approve="never")
        return await in_step(work, self.plugin, config=config)

    async def _calls(self, *several: JsonObject) -> list[tuple[Json, Any]]:
        """Call it, without the host in between, at once; return results and errors."""
        made = self.make("tool", self.tool)
        spec = self._spec()

        async def call(arguments: JsonObject, ctx: Context) -> Json:
            if spec.function is not None:
                return await call_function(spec, arguments, ctx)
            return await cast(Tool, made).call(arguments, ctx)

        async def work(ctx: Context) -> list[tuple[Json, Any]]:
            found: list[tuple[Json, Any]] = [(None, None)] * len(several)

            async def one(place: int, arguments: JsonObject) -> None:
                found[place] = await contained(call(arguments, ctx))

            async with anyio.create_task_group() as group:
                for place, arguments in enumerate(several):
                    group.start_soon(one, place, arguments)
            return found

        return cast("list[tuple[Json, Any]]", await self._in_step(work))

    def _called(self, *several: JsonObject) -> list[tuple[Json, Any]]:
        return within(30.0, lambda: self._calls(*several), f"the tool {self.tool!r}")

    @level(1)
    def test_it_says_what_it_does(self) -> None:
        """A model chooses by its description."""
        assert self._spec().description

    @level(1)
    def test_its_schema_names_every_argument(self) -> None:
        """A model must know all it may say, and be told when it says something else."""
        schema = parameters_of(self._spec())
        known = schema.get("properties", {})
        good = dict.fromkeys(known) | {"zg_unknown": 1}
        assert schema.get("additionalProperties") is False, (
            f"the tool {self.tool!r} takes arguments its schema does not name: "
            'write "additionalProperties": false'
        )
        assert argument_errors(schema, good)

    @level(1)
    def test_it_refuses_what_its_schema_does_not_allow(self) -> None:
        """A model that asks wrongly is told so, and the tool is not called."""
        schema = parameters_of(self._spec())

        async def refused(ctx: Context) -> None:
            name = f"{_source(self.plugin).id}:{self.tool}"
            for wrong in ({"zg_unknown": 1}, {"": "no JSON"}):
                assert argument_errors(schema, wrong)
                result = await ctx.call_tool(name, wrong)
                assert result.error is not None

        within(30.0, lambda: self._in_step(refused), f"the tool {self.tool!r}")

    @level(1)
    def test_it_takes_what_its_schema_allows(self) -> None:
        """It may ask for better arguments, but not break."""

        @for_any(self._any_arguments())
        def law(arguments: JsonObject) -> None:
            [(_, error)] = self._called(arguments)
            assert isinstance(error, (*_ALLOWED, type(None))), repr(error)

        law()

    @level(1)
    def test_it_gives_json(self) -> None:
        """At most a megabyte of it, since a model is to read it."""

        @for_any(self._any_arguments(), examples=10)
        def law(arguments: JsonObject) -> None:
            [(result, error)] = self._called(arguments)
            if error is None:
                text = json.dumps(result, allow_nan=False)
                assert len(text) <= _LARGEST

        law()

    @level(1)
    def test_it_leaves_its_arguments_as_they_are(self) -> None:
        """They are in the journal, and may be what it is called with again."""

        @for_any(self._any_arguments(), examples=10)
        def law(arguments: JsonObject) -> None:
            before = copy.deepcopy(arguments)
            self._called(arguments)
            assert arguments == before

        law()

    @level(1)
    def test_calls_at_once_do_not_mix(self) -> None:
        """Each gives what it gives alone."""
        if not self.deterministic or self._spec().effect not in ("none", "read"):
            pytest.skip("its results differ anyway")

        @for_any(self._any_arguments(), self._any_arguments(), examples=10)
        def law(one: JsonObject, other: JsonObject) -> None:
            alone = [self._called(arguments)[0][0] for arguments in (one, other)]
            assert [result for result, _ in self._called(one, other)] == alone

        law()

    @level(1)
    def test_it_stops_when_the_run_is_cancelled(self) -> None:
        """It has two seconds, and a second more on a busy machine."""
        arguments = _first(self._any_arguments())
        stops(lambda: self._calls(arguments), f"the tool {self.tool!r}", seconds=3.0)

    @level(1)
    def test_it_does_no_more_than_it_says(self) -> None:
        """What it reaches is among its capabilities; what only looks writes nothing."""
        spec = self._spec()
        with watched() as watch:
            self._called(_first(self._any_arguments()))
        said = spec.capabilities
        assert not watch.network or "network" in said, watch.network
        started = [effect for effect in watch.effects if "a process" in effect]
        assert not started or "exec" in said, started
        wrote = [effect for effect in watch.effects if effect not in started]
        assert not wrote or ("files" in said and spec.effect not in ("none", "read")), (
            wrote
        )


def _first(values: SearchStrategy[Any]) -> JsonObject:
    """Return the plainest of the values."""
    found: list[JsonObject] = []

    @for_any(values, examples=1)
    def keep(value: JsonObject) -> None:
        found.append(value)

    keep()
    return found[0]
