"""What every plugin must do: be found, load quickly, and leave all else alone."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any, ClassVar

import importlib_metadata
import pytest

from ..._isolation import contain, contained
from ..._schema import parameters_of
from ..._validation import argument_errors
from ..._version import core_version
from ...config import Config
from ...errors import PluginError, UnknownNameError, ZeroGravityError
from ...hookspecs import API
from ...plugins import PluginHost, PluginRecord
from ...plugins.finding.choose import named
from ...plugins.finding.discover import installed
from ...plugins.finding.sources import Source, given_source
from ...plugins.make import make
from ...plugins.references import module_of, resolve
from ...plugins.trial.probe import SLOW, Probe, probe
from ...registry import Contribution, Kind
from ...settings import Settings
from ...specs import HostInfo, ToolSpec
from .._offline import plugin_host
from .base import Conformance, level
from .timing import within

__all__ = ["PluginConformance"]

_MADE: tuple[Kind, ...] = (
    *("agent", "tool", "provider", "classifier", "exporter", "guardrail", "runtime"),
)
"""Kinds whose factories need nothing but settings."""

_HELD: tuple[Kind, ...] = ("provider", "exporter")
"""Kinds whose objects a host closes, so that another must have its own."""


@cache
def _source(plugin: str) -> Source:
    try:
        return named(plugin, installed().sources)[0]
    except UnknownNameError:
        with contain():
            return given_source(resolve(plugin))
        raise


@cache
def _offers(plugin: str) -> Mapping[tuple[Kind, str], Contribution]:
    """Return what a plugin offers; to ask a host each time would take long."""
    host = plugin_host(plugin)
    host.load_all()
    found = next(p for p in host.plugins if p.id == _source(plugin).id).contributions
    return {(offer.kind, offer.name): offer for offer in found}


@cache
def _probe(source: Source) -> Probe:
    """Return what it did, in the fastest of at most three tries.

    The first may compile the plugin, and another process may be in the way.
    """
    found = probe(source)
    for _ in range(2):
        if not found.finished or found.seconds_cpu < PluginConformance.cpu_seconds:
            break
        found = min(found, probe(source), key=lambda one: one.seconds_cpu)
    return found


class PluginConformance(Conformance):
    """Standard tests of a plugin.

    ```python
    class TestWeather(PluginConformance):
        plugin = "zg-weather"
    ```

    Attributes:
        plugin: What it is called where it is installed; or its module, as
            ``"package.module"``.
        config: Its section of the configuration, for those who make what it offers.
        cpu_seconds: The most its import and its hooks may take, above a host's.
        denied: Packages that must not be imported when it is loaded.
    """

    plugin: ClassVar[str]
    config: ClassVar[Mapping[str, Any]] = {}
    cpu_seconds: ClassVar[float] = 0.15
    denied: ClassVar[frozenset[str]] = SLOW

    # -- For the tests ---------------------------------------------------------------

    def host(self) -> PluginHost:
        """Return a fresh host that has the plugin, configured."""
        sections = {_source(self.plugin).id: self.config} if self.config else {}
        return plugin_host(self.plugin, config=Config(plugins_config=sections))

    def settings(self) -> Settings:
        """Return the plugin's section, as factories get it."""
        return Settings(_source(self.plugin).id, self.config)

    def record(self, host: PluginHost) -> PluginRecord:
        """Return what a host knows of the plugin, which it loads."""
        self._probe()  # what ends its process must not end this one
        host.load_all()
        return next(p for p in host.plugins if p.id == _source(self.plugin).id)

    def offer(self, kind: Kind, name: str) -> Contribution:
        """Return what the plugin offers by that short name."""
        self._probe()
        offers = _offers(self.plugin)
        assert (kind, name) in offers, f"{self.plugin} offers no {kind} {name!r}"
        return offers[kind, name]

    def make(self, kind: Kind, name: str) -> object:
        """Make a new one of what the plugin offers, configured."""
        return make(self.offer(kind, name), _source(self.plugin), self.settings())

    def _probe(self) -> Probe:
        found = _probe(_source(self.plugin))
        assert not found.timed_out, f"{self.plugin} takes for ever to load"
        assert found.finished, (
            f"loading {self.plugin} ended its process with "
            f"{found.exit_status}:\n{found.stderr}"
        )
        return found

    # -- How it is loaded --------------------------------------------------------------

    @level(1)
    def test_it_loads_with_nothing_to_say_against_it(self) -> None:
        """No error and no warning, in a process of its own and in this one."""
        found = self._probe()
        wrong = [*found.diagnostics, *self.record(self.host()).diagnostics]
        assert not [str(one) for one in wrong if one.severity != "info"]

    @level(1)
    def test_it_loads_quickly(self) -> None:
        """Its import and its hooks are paid for by every command that lists things."""
        took = self._probe().seconds_cpu
        assert took < self.cpu_seconds, (
            f"loading it took {took * 1000:.0f} ms of CPU; import what is slow where "
            "it is used first, in the factory's module"
        )

    @level(1)
    def test_loading_imports_nothing_heavy(self) -> None:
        """What is slow to import belongs into the factories' modules."""
        modules = {name.partition(".")[0] for name in self._probe().modules}
        assert not sorted(modules & self.denied)

    @level(1)
    def test_loading_prints_nothing(self) -> None:
        """Standard output is data."""
        assert self._probe().stdout_bytes == 0

    @level(1)
    def test_loading_changes_nothing_outside(self) -> None:
        """Neither in the process (environment, logging, signals) nor on disk."""
        assert not self._probe().side_effects

    @level(1)
    def test_loading_uses_no_network(self) -> None:
        """Saying what there is must work on an aeroplane."""
        assert not self._probe().network

    @level(1)
    def test_hooks_offer_the_same_twice(self) -> None:
        """They are pure: nobody knows how often they are asked."""
        assert not self._probe().unequal

    @level(1)
    def test_two_hosts_have_it_at_once(self) -> None:
        """Hosts share nothing; closing one takes nothing from the other."""
        one, other = self.host(), self.host()
        assert self.record(one).contributions == self.record(other).contributions

        async def held() -> None:
            first, second = self._made(one), self._made(other)
            shared = [
                offer.qualified
                for (offer, made), (_, again) in zip(first, second, strict=True)
                if offer.kind in _HELD and made is again
            ]
            await one.close()
            for offer, made in second:
                assert other.make(offer) is made
            await other.close()
            assert not shared, "two hosts got the same object, which each will close"

        within(30.0, held, "making everything twice")

    @level(1)
    def test_it_is_configured_and_shut_down_twice(self) -> None:
        """Both may happen more than once in a process, and neither takes long."""
        host = self.host()
        told = HostInfo(core_version=core_version(), api=API)
        hooks = dict((self.record(host).loading or pytest.fail("no hooks")).hooks)

        async def ask(name: str, **told: object) -> None:
            if name in hooks:
                hook = hooks[name]
                answer = hook.function(*(told[asked] for asked in hook.argnames))
                if inspect.isawaitable(answer):
                    await answer

        async def twice() -> None:
            for _ in range(2):
                _, error = await contained(
                    ask("zg_configure", config=dict(self.config))
                )
                assert isinstance(error, ZeroGravityError | None), repr(error)
            for _ in range(2):
                began = time.monotonic()
                await ask("zg_shutdown", host=told)
                assert time.monotonic() - began < 2.0, "zg_shutdown takes too long"
            await host.close()
            await host.close()

        within(30.0, twice, "zg_configure and zg_shutdown")

    # -- What it offers ----------------------------------------------------------------

    @level(1)
    def test_names_are_not_those_of_built_in_things(self) -> None:
        """A short name means what is built in; another's thing is then hard to find."""
        host = self.host()
        shadowed = [
            f"the {mine.kind} {mine.name!r} will be shadowed by the built-in one; it "
            f"can be named only as {mine.qualified}"
            for mine in self.record(host).contributions
            if not mine.builtin
            for theirs in host.builtin(mine.kind)
            if theirs.name == mine.name
        ]
        assert not shadowed

    @level(1)
    def test_factories_are_references_that_lead_somewhere(self) -> None:
        """A text costs nothing until it is used; a function needs its module now."""
        for offer in self.record(self.host()).contributions:
            factory = getattr(offer.spec, "factory", None)
            if factory is None:
                continue
            assert isinstance(factory, str), (
                f"the factory of the {offer.kind} {offer.name!r} is no text "
                "'package.module:attribute'"
            )
            assert callable(resolve(factory)), f"{factory} cannot be called"

    @level(1)
    def test_everything_it_offers_can_be_made(self) -> None:
        """What misses its configuration says so with an error of ours."""
        host = self.host()

        async def make() -> None:
            self._made(host)
            await host.close()

        within(30.0, make, "making everything")

    @level(1)
    def test_tools_have_valid_schemas(self) -> None:
        """JSON Schema 2020-12, of an object, and never more than what is meant."""
        for offer in self.record(self.host()).contributions:
            if isinstance(offer.spec, ToolSpec):
                schema = parameters_of(offer.spec)
                argument_errors(schema, {})  # raises where it is no schema
                assert schema.get("type") == "object", offer.name

    def _made(self, host: PluginHost) -> list[tuple[Contribution, object]]:
        """Make all that needs no more than what the test class configures."""
        found: list[tuple[Contribution, object]] = []
        for offer in self.record(host).contributions:
            if offer.kind not in _MADE:
                continue
            with contain() as caught:
                found.append((offer, host.make(offer)))
            lacking = isinstance(caught.error, ZeroGravityError)
            if caught.error and (isinstance(caught.error, PluginError) or not lacking):
                pytest.fail(str(caught.error))
        return found

    # -- How it is packaged ------------------------------------------------------------

    @level(1)
    def test_the_manifest_is_in_step(self) -> None:
        """If it has one, it says what the code offers."""
        found = self.record(self.host()).diagnostics
        assert not [str(one) for one in found if one.code in ("ZG111", "ZG214")]

    @level(1)
    def test_the_distribution_has_what_its_entry_points_name(self) -> None:
        """The wheel is what users get, whatever the working copy holds."""
        source = _source(self.plugin)
        if source.copy is None:
            pytest.skip("it is not installed")
        if source.copy.editable:
            assert find_spec(module_of(source.reference))
            return
        path = module_of(source.reference).replace(".", "/")
        module = re.compile(rf"{re.escape(path)}(/__init__)?\.[\w.-]+")
        files = importlib_metadata.distribution(source.copy.name).files or ()
        assert any(module.fullmatch(str(file)) for file in files), (
            f"{source.copy.name} has no file for the module of {source.reference}"
        )
