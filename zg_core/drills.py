"""A drill: which calls to models shall go wrong, how, and always the same ones."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ._names import nearest
from .errors import InputError

__all__ = ["Drill", "Injection"]

KINDS = ("timeout", "truncate", "reset", "slow", "garbage")
"""What may go wrong beside an HTTP status from 400 to 599."""

_SECONDS = {"429": 0.5, "slow": 1.0}
_NO_SECONDS = frozenset({"truncate", "reset", "garbage"})
_FORM = "write KIND@PROBABILITY, KIND:SECONDS@PROBABILITY or MODEL=KIND@PROBABILITY"
_STATUS = re.compile("[45][0-9]{2}")
_SEED = " seed "


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """A fault and how likely it is.

    Attributes:
        kind: An HTTP status from 400 to 599; ``timeout`` for no answer in time;
            ``truncate`` for a real answer that breaks off; ``reset`` for a connection
            that is lost before an answer; ``slow`` for one that comes late;
            ``garbage`` for one that makes no sense.
        probability: How likely it is for each request, from 0 to 1.
        seconds: For a status, what it asks to wait (``Retry-After``); else how long
            the fault takes. `None` is nothing.
        model: ``"provider:model"`` or a provider, for which alone it holds; empty is
            any.
    """

    kind: str
    probability: float
    seconds: float | None = None
    model: str = ""

    def __str__(self) -> str:
        where = f"{self.model}=" if self.model else ""
        seconds = f":{self.seconds:g}" if self.seconds is not None else ""
        return f"{where}{self.kind}{seconds}@{self.probability:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """Faults, and the seed that says which requests they befall.

    What befalls a request depends on the seed, the model, the call within its run and
    how often that call was sent to that model before; on nothing else. So the same
    drill of the same run is the same, in whatever order its calls come.

    Attributes:
        injections: The faults. Those that name a model hold for it in the place of
            those that name its provider, and these in the place of all others.
        seed: The seed.
    """

    injections: tuple[Injection, ...]
    seed: int = 0

    @classmethod
    def parse(cls, text: str, *, seed: int = 0, down: Iterable[str] = ()) -> Drill:
        """Read a drill: ``"429@0.2,slow:2@0.1,openai:model-one=500@1"``.

        Args:
            text: Faults with their probabilities, separated by commas. A number
                after a colon is seconds; a model before an equals sign is the only one
                that is meant. May be empty where something is *down*.
            seed: The seed.
            down: Models, or providers, that never answer.

        Raises:
            InputError: If there is none, one is not of that form, or those of one
                model come to more than 1.
        """
        given = [_injection(part.strip()) for part in text.split(",") if part.strip()]
        given += (
            Injection(kind="reset", probability=1.0, model=_model(model))
            for model in down
        )
        if not given:
            raise InputError("the drill has no fault", _FORM)
        for model in dict.fromkeys(i.model for i in given):
            total = math.fsum(i.probability for i in given if i.model == model)
            if total > 1 + 1e-9:
                raise InputError(
                    f"the probabilities of the drill{model and f' for {model}'} come "
                    f"to {total:g}",
                    "one request has one fault: let them come to 1 at most",
                )
        return cls(injections=tuple(given), seed=seed)

    @classmethod
    def read(cls, text: str) -> Drill:
        """Read what ``str`` of a drill gives, as the journal keeps it."""
        faults, _, seed = text.rpartition(_SEED)
        return cls.parse(faults, seed=int(seed))

    def __str__(self) -> str:
        return f"{','.join(map(str, self.injections))}{_SEED}{self.seed}"

    @property
    def models(self) -> tuple[str, ...]:
        """The models and providers that are named."""
        return tuple(dict.fromkeys(i.model for i in self.injections if i.model))

    def fault(
        self, model: str, provider: str, call_key: str, nth: int
    ) -> tuple[Injection | None, float]:
        """Say what befalls a request, if anything, and how far a cut answer comes.

        Args:
            model: The model, as the run names it.
            provider: The provider's short name.
            call_key: The call within its run.
            nth: Which request of that call to that model it is, from 1.

        Returns:
            The fault, and a number from 0 to 1 that is as certain.
        """
        chance = self._chance(model, call_key, nth)
        draw, part = _fraction(chance[:8]), _fraction(chance[8:16])
        for injection in self._for((model, provider, "")):
            draw -= injection.probability
            if draw < 0:
                return injection, part
        return None, part

    def patience(self, model: str, call_key: str, nth: int) -> float:
        """Say how long a request waits that is sent again, as far as chance says so.

        Args:
            model: As in `fault`, and so are the others.
            call_key: The call within its run.
            nth: Which request it is that failed.

        Returns:
            A number from 0 to 1.
        """
        return _fraction(self._chance(model, call_key, nth)[16:24])

    def _chance(self, model: str, call_key: str, nth: int) -> bytes:
        words = (self.seed, model, call_key, nth)
        return sha256("\0".join(map(str, words)).encode()).digest()

    def _for(self, names: Sequence[str]) -> list[Injection]:
        for name in names:
            if found := [i for i in self.injections if i.model == name]:
                return found
        return []


def _fraction(chance: bytes) -> float:
    # 53 bits fit into a float exactly, so that it stays below 1.
    return (int.from_bytes(chance) >> 11) / (1 << 53)


def _injection(text: str) -> Injection:
    model, _, rest = text.rpartition("=")
    what, at, chance = rest.rpartition("@")
    kind, colon, seconds = what.partition(":")
    if not at or (not model and "=" in text):
        raise InputError(f"{text!r} is no fault of a drill", _FORM)
    _check_kind(kind)
    if colon and kind in _NO_SECONDS:
        raise InputError(f"{kind!r} takes no seconds in {text!r}", f"write {kind}@…")
    return Injection(
        kind=kind,
        probability=_number(chance, text, most=1.0),
        seconds=_number(seconds, text) if colon else _SECONDS.get(kind),
        model=_model(model) if model else "",
    )


def _model(text: str) -> str:
    if not text.strip():
        raise InputError("the drill names an empty model", "write PROVIDER:MODEL")
    return text.strip()


def _check_kind(kind: str) -> None:
    if kind in KINDS or _STATUS.fullmatch(kind):
        return
    close = nearest(kind, KINDS)
    raise InputError(
        f"a drill knows no fault {kind!r}",
        f"did you mean {close!r}?"
        if close
        else f"name an HTTP status from 400 to 599, or one of {', '.join(KINDS)}",
    )


def _number(text: str, whole: str, most: float = 3600.0) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        raise InputError(
            f"{text!r} in {whole!r} is no number from 0 to {most:g}", _FORM
        )
    return value
