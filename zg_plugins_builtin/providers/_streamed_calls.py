"""Put the pieces of streamed tool calls together, whatever form they come in."""

from __future__ import annotations

from dataclasses import dataclass, field

from zg_core.plugin_api import JsonObject

from ._wire_json import dump_json

__all__ = ["StreamedCalls"]


@dataclass(slots=True)
class _Call:
    index: int | None
    call_id: str = ""
    name: str = ""
    written: list[str] = field(default_factory=list)

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


class StreamedCalls:
    """The tool calls of one stream."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def add(self, part: JsonObject) -> None:
        """Take a piece: it goes on with a call, or begins one."""
        index, call_id = part.get("index"), part.get("id") or ""
        function = part.get("function") or {}
        name = function.get("name") or ""
        for call in reversed(self._calls):
            if call.takes(index, call_id, name):
                break
        else:
            call = _Call(index)
            self._calls.append(call)
        call.call_id = call.call_id or call_id
        call.name = name or call.name
        written = function.get("arguments") or ""
        call.written.append(
            written if isinstance(written, str) else dump_json(written).decode()
        )

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
