"""Guardrails of which each but the first breaks the contract in one way."""

import itertools
import re

import anyio

import zg_core.plugin_api as zg


class Sound:
    """Refuses scripts, and writes DROP in small letters."""

    async def check(self, payload, ctx):
        await anyio.sleep(0.001)
        if not isinstance(payload, str):
            return zg.Verdict(True)
        if "<script" in payload:
            return zg.Verdict(False, "it has a script")
        if "DROP" in payload:
            return zg.Verdict(True, "quieter", payload.replace("DROP", "drop"))
        return zg.Verdict(True)


class WantsText:
    def check(self, payload, ctx):
        return zg.Verdict("<script" not in payload.lower(), "no scripts")


class ReturnsNoVerdict:
    def check(self, payload, ctx):
        return True


class TakesTurns:
    def __init__(self):
        self.turns = itertools.cycle((True, False))

    def check(self, payload, ctx):
        return zg.Verdict(next(self.turns), "it is not its turn")


class ChangesThePayload:
    def check(self, payload, ctx):
        if isinstance(payload, dict):
            payload.pop("content", None)
        return zg.Verdict(True)


class ReplacesByAnotherType:
    def check(self, payload, ctx):
        if isinstance(payload, str) and "<script" in payload:
            return zg.Verdict(True, "cut", [payload])
        return zg.Verdict(True)


class IsNeverDone:
    def check(self, payload, ctx):
        if isinstance(payload, str):
            return zg.Verdict(True, "marked", f"{payload} (checked)")
        return zg.Verdict(True)


class GivesNoReason:
    def check(self, payload, ctx):
        return zg.Verdict("<script" not in str(payload))


class RepeatsWhatItRefuses:
    def check(self, payload, ctx):
        if "<script" in str(payload):
            return zg.Verdict(False, f"refused: {payload}")
        return zg.Verdict(True)


class HasAPatternThatTakesForEver:
    pattern = re.compile(r"(a+)+$")

    def check(self, payload, ctx):
        found = isinstance(payload, str) and self.pattern.match(payload)
        return zg.Verdict(True, "as" if found else "")


class HasAPatternThatTakesLong:
    pattern = re.compile(r"<[^>]*>")

    def check(self, payload, ctx):
        found = isinstance(payload, str) and self.pattern.search(payload)
        return zg.Verdict(True, "a tag" if found else "")


class IgnoresCancellation:
    async def check(self, payload, ctx):
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1.4 if "page about tea" in str(payload) else 0)
        return zg.Verdict(True)


class SharesState:
    async def check(self, payload, ctx):
        self.payload = payload
        await anyio.sleep(0.002)
        return zg.Verdict("<script" not in str(self.payload), "no scripts")


class LetsAllPass:
    """Nobody can tell: only people know what it should refuse."""

    def check(self, payload, ctx):
        return zg.Verdict(True)


@zg.hookimpl
def zg_register_guardrails():
    kinds = [
        *(Sound, WantsText, ReturnsNoVerdict, TakesTurns, ChangesThePayload),
        *(ReplacesByAnotherType, IsNeverDone, GivesNoReason, RepeatsWhatItRefuses),
        *(HasAPatternThatTakesForEver, HasAPatternThatTakesLong),
        *(IgnoresCancellation, SharesState, LetsAllPass),
    ]
    return [
        zg.GuardrailSpec(
            name=kind.__name__.lower(),
            factory=f"{__name__}:{kind.__name__}",
            stages=frozenset({"input", "tool_call", "output"}),
            subjects=frozenset({"message", "arguments", "reply"}),
        )
        for kind in kinds
    ]
