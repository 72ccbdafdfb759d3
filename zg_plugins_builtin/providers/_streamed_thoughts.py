"""Put the pieces of what a model thought together: a text, or OpenRouter's entries."""

from __future__ import annotations

from zg_core.plugin_api import Json, JsonObject

__all__ = ["StreamedThoughts"]

_TEXTS = {"reasoning.text": "text", "reasoning.summary": "summary"}
"""The kinds of entries that come in many pieces, and where their text is.

What is sealed comes whole: https://openrouter.ai/docs/use-cases/reasoning-tokens.
"""


class StreamedThoughts:
    """What a model thinks in one stream."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._entries: list[JsonObject] = []

    def add(self, piece: Json) -> None:
        """Take a piece: more text, or a list of entries or of more of them."""
        if isinstance(piece, list):
            for entry in piece:
                self._add(entry)
        elif isinstance(piece, str):
            self._said.append(piece)

    def whole(self) -> Json:
        """Return what a whole answer would have said."""
        return self._entries or "".join(self._said)

    def _add(self, piece: JsonObject) -> None:
        for entry in reversed(self._entries):
            if _is_of(piece, entry):
                _go_on(entry, piece)
                return
        self._entries.append(dict(piece))


def _is_of(piece: JsonObject, entry: JsonObject) -> bool:
    """Tell whether a piece is more of an entry, which may get its id late."""
    named = piece.get("id") and entry.get("id")
    return (
        piece["type"] in _TEXTS
        and piece["type"] == entry["type"]
        and piece.get("index") == entry.get("index")
        and (not named or piece["id"] == entry["id"])
    )


def _go_on(entry: JsonObject, piece: JsonObject) -> None:
    text = _TEXTS[piece["type"]]
    for key, value in piece.items():
        if key == text:
            entry[key] = (entry.get(key) or "") + (value or "")
        elif value is not None:  # such as the signature, which comes last
            entry[key] = value
