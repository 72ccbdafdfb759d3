"""A linear model of what objectives are, as small as a file of a package should be."""

from __future__ import annotations

import math
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ._features import Feature

__all__ = ["CATEGORIES", "Model", "key_of", "softmax"]

CATEGORIES = ("technical", "strategic", "creative", "general")
"""The categories, in the order of each feature's weights."""
_MAGIC = b"ZGLINEAR1"
_HEAD = struct.Struct("<I32s7d")  # features; digest; scale, temperature, threshold, 4
_WIDTH = len(CATEGORIES)


@dataclass(frozen=True)
class Model:
    """A model that is ready to be asked.

    Attributes:
        digest: SHA-256 of what it was made from.
        keys: The features it knows, by `key_of`, in ascending order.
        weights: Each feature's weight for each category, -127 to 127.
        scale: What a weight of 1 adds to a category's score.
        biases: Each category's score where nothing is known.
        temperature: What scores are divided by, for probabilities that are meant so.
        threshold: The least probability that is worth naming a category.
    """

    digest: bytes
    keys: array[int]
    weights: array[int]
    scale: float
    biases: tuple[float, ...]
    temperature: float
    threshold: float

    @cached_property
    def _rows(self) -> Mapping[int, int]:
        return {key: row for row, key in enumerate(self.keys)}

    def effects(self, feature: Feature) -> list[float]:
        """Return what a feature adds to each category's score; empty if unknown."""
        row = self._rows.get(key_of(feature.name))
        if row is None:
            return []
        held = self.weights[row * _WIDTH : (row + 1) * _WIDTH]
        return [self.scale * feature.value * weight for weight in held]

    def probabilities(self, effects: Iterable[Sequence[float]]) -> list[float]:
        """Return each category's probability, given all that features add."""
        columns = zip(*effects, strict=True)
        added = [math.fsum(column) for column in columns] or [0.0] * _WIDTH
        scores = (bias + more for bias, more in zip(self.biases, added, strict=True))
        return softmax([score / self.temperature for score in scores])

    def pack(self) -> bytes:
        """Return it as bytes, the same on every machine."""
        numbers = (self.scale, self.temperature, self.threshold, *self.biases)
        head = _HEAD.pack(len(self.keys), self.digest, *numbers)
        return _MAGIC + head + _little_endian(self.keys) + self.weights.tobytes()

    @classmethod
    def unpack(cls, content: bytes) -> Model:
        """Return the model that `pack` wrote.

        Raises:
            ValueError: If the bytes are no such model, or not all of it.
        """
        start = len(_MAGIC) + _HEAD.size
        if not content.startswith(_MAGIC) or len(content) < start:
            raise ValueError("this is no model of objectives")
        head = _HEAD.unpack_from(content, len(_MAGIC))
        count, digest, scale, temperature, threshold, *biases = head
        if len(content) != start + count * (4 + _WIDTH):
            raise ValueError("this is not the whole of a model of objectives")
        keys, weights = array("I"), array("b")
        keys.frombytes(content[start : start + count * 4])
        if sys.byteorder == "big":
            keys.byteswap()
        weights.frombytes(content[start + count * 4 :])
        return cls(digest, keys, weights, scale, tuple(biases), temperature, threshold)


def key_of(name: str) -> int:
    """Return the 32 bits that stand for a feature's name."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass"))


def softmax(scores: Sequence[float]) -> list[float]:
    """Return scores as probabilities."""
    most = max(scores)
    grown = [math.exp(score - most) for score in scores]
    whole = math.fsum(grown)
    return [value / whole for value in grown]


def _little_endian(keys: array[int]) -> bytes:
    if sys.byteorder == "big":
        keys = array("I", keys)
        keys.byteswap()
    return keys.tobytes()
