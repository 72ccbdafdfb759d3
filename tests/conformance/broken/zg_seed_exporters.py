"""Exporters of which each but the first breaks the contract in one way."""

import time

import anyio

import zg_core.plugin_api as zg


class Sound:
    """Counts the events of each kind."""

    def __init__(self):
        self.counts = {}

    async def export(self, events):
        for event in events:
            kind = type(event).__name__
            self.counts[kind] = self.counts.get(kind, 0) + 1

    def flush(self, seconds):
        pass

    async def close(self):
        pass


class KnowsSomeKinds(Sound):
    async def export(self, events):
        for event in events:
            event.step.upper()


class BreaksOnNothing(Sound):
    async def export(self, events):
        self.last = events[-1]


class ClosesOnce(Sound):
    closed = False

    async def close(self):
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class FlushesForEver(Sound):
    async def flush(self, seconds):
        await anyio.sleep(seconds + 1)


class TakesTheBatch(Sound):
    async def export(self, events):
        events.clear()


class ChangesEvents(Sound):
    async def export(self, events):
        for event in events:
            if hasattr(event, "data"):
                event.data["seen"] = True
            if hasattr(event, "arguments"):
                event.arguments["seen"] = True


class IsSlow(Sound):
    async def export(self, events):
        for _ in events:
            await anyio.sleep(0.022)


class IsSlowInAThread(Sound):
    def export(self, events):
        time.sleep(0.022 * len(events))


class IgnoresCancellation(Sound):
    async def export(self, events):
        with anyio.CancelScope(shield=True):
            if any(getattr(event, "message", "") == "on" for event in events):
                await anyio.sleep(1.5)


class Prints(Sound):
    async def export(self, events):
        print(len(events), "events")


class ShowsItsKey(Sound):
    def __repr__(self):
        return "ShowsItsKey('sk-seed-key-of-no-worth')"


class LosesEvents(Sound):
    """Nobody can tell: only it knows where they should have arrived."""

    async def export(self, events):
        pass


@zg.hookimpl
def zg_register_exporters():
    kinds = [
        *(Sound, KnowsSomeKinds, BreaksOnNothing, ClosesOnce, FlushesForEver),
        *(TakesTheBatch, ChangesEvents, IsSlow, IsSlowInAThread, IgnoresCancellation),
        *(Prints, ShowsItsKey, LosesEvents),
    ]
    return [
        zg.ExporterSpec(
            name=kind.__name__.lower(), factory=f"{__name__}:{kind.__name__}"
        )
        for kind in kinds
    ]
