"""Classifiers of which each but the first breaks the contract in one way."""

import itertools

import anyio

import zg_core.plugin_api as zg


class Sound:
    async def classify(self, text):
        await anyio.sleep(0.001)
        if "Build" in text:
            return zg.Label("technical", 0.9, "it says Build")
        return None


class BreaksOnNothing:
    async def classify(self, text):
        return zg.Label("technical") if text[0] == "B" else None


class BreaksOnStrangeLetters:
    async def classify(self, text):
        text.encode("latin-1")
        return


class IsTooSure:
    async def classify(self, text):
        return zg.Label("technical", 90)


class KnowsMoreLabels:
    async def classify(self, text):
        return zg.Label("poetic")


class ReturnsText:
    async def classify(self, text):
        return "technical"


class IsPlain:
    def classify(self, text):
        return zg.Label("technical")


class TakesTurns:
    def __init__(self):
        self.turns = itertools.cycle(("technical", "creative"))

    async def classify(self, text):
        return zg.Label(next(self.turns))


class SharesState:
    async def classify(self, text):
        self.text = text
        await anyio.sleep(0.002)
        return zg.Label("technical") if "Build" in self.text else None


class IgnoresCancellation:
    async def classify(self, text):
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1.5 if text.startswith("Build") else 0)
        return


class GivesNoReason:
    async def classify(self, text):
        return zg.Label("technical", 0.5, None)


class IsAlwaysWrong:
    """Nobody can tell: only people know what a text is."""

    async def classify(self, text):
        return zg.Label("creative" if "Build" in text else "technical")


@zg.hookimpl
def zg_register_classifiers():
    kinds = [
        *(Sound, BreaksOnNothing, BreaksOnStrangeLetters, IsTooSure, KnowsMoreLabels),
        *(ReturnsText, IsPlain, TakesTurns, SharesState, IgnoresCancellation),
        *(GivesNoReason, IsAlwaysWrong),
    ]
    return [
        zg.ClassifierSpec(
            name=kind.__name__.lower(),
            factory=f"{__name__}:{kind.__name__}",
            labels=("technical", "creative"),
        )
        for kind in kinds
    ]
