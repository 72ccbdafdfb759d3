"""A weather service on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEY = "a-key-of-no-worth"
ROME = {
    "name": "Rome",
    "weather": [{"description": "clear sky"}],
    "main": {"temp": 21.5},
    "wind": {"speed": 3},
}


@dataclass
class Service:
    """What the service was asked."""

    url: str
    queries: list[dict[str, list[str]]] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Service]:
    """Serve the weather of Rome, whichever city is asked for, but for Atlantis."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            asked.queries.append(query)
            status = 401 if query["appid"] != [KEY] else 200
            status = 404 if status == 200 and query["q"] == ["Atlantis"] else status
            body = json.dumps(ROME).encode() if status == 200 else b"{}"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        asked = Service(f"http://127.0.0.1:{server.server_port}")
        yield asked
        server.shutdown()
        thread.join()
