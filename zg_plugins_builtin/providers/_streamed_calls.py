"""Put the pieces of streamed tool calls together, whatever form they come in."""

from __future__ import annotations

from dataclasses import dataclass, field

from zg_core.plugin_api import JsonObject

from ._wire_json import arguments_of, dump_json

__all__ = ["StreamedCalls"]


@dataclass(slots=True)
class _Call:
    index: int | None
    call_id: str = ""
    name: str = ""
    written: list[str] = field(default_factory=list)
    named_again: bool = False

    def takes(self, index: int | None, call_id: str, name: str) -> bool:
        """Tell whether a piece is one of this call.

        Some servers give each piece an id of its own, or all calls the same index;
        but a name begins a call.
        """
        if name and call_id and self.call_id and call_id != self.call_id:
            return False
        if index is not None and self.index is not None:
            return index == self.index
        return not (name and self.name) or bool(call_id and call_id == self.call_id)

    def is_over(self, call_id: str, name: str, text: str) -> bool:
        """Tell whether a piece that says it is of this call must be of the next.

        Some servers give all calls the same index and none an id, and some repeat the
        name with each piece. But nothing can follow arguments that are whole.
        """
        if not (name or self.named_again) or (call_id and call_id == self.call_id):
            return False
        if not self._is_whole():
            return False
        self.named_again = True
        return bool(text.strip()) or name not in ("", self.name)

    def _is_whole(self) -> bool:
        text = "".join(self.written).strip()
        return text.endswith("}") and "" not in arguments_of(text)


class StreamedCalls:
    """The tool calls of one stream."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def add(self, part: JsonObject) -> None:
        """Take a piece: it goes on with a call, or begins one."""
        index, call_id = part.get("index"), part.get("id") or ""
        function = part.get("function") or {}
        name = function.get("name") or ""
        written = function.get("arguments") or ""
        text = written if isinstance(written, str) else dump_json(written).decode()
        call = self._of(index, call_id, name)
        if call is None or call.is_over(call_id, name, text):
            call = _Call(index, name=call.name if call else "")
            self._calls.append(call)
        call.call_id = call.call_id or call_id
        call.name = name or call.name
        call.written.append(text)

    def _of(self, index: int | None, call_id: str, name: str) -> _Call | None:
        found = (c for c in reversed(self._calls) if c.takes(index, call_id, name))
        return next(found, None)

    def whole(self) -> list[JsonObject]:
        """Return the calls as a whole answer has them, in the server's order."""
        placed = [
            (place if call.index is None else call.index, call)
            for place, call in enumerate(self._calls)
        ]
        return [
            {"id": call.call_id, "function": _function(call)}
            for _, call in sorted(placed, key=lambda pair: pair[0])
        ]


def _function(call: _Call) -> JsonObject:
    written = {"arguments": "".join(call.written)}
    return {"name": call.name} | written if call.name else written
