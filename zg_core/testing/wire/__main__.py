"""``python -m zg_core.testing.wire``: the server as a command."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from . import Fault, WireAnswer, WireRequest, WireServer
from .rounds import tool_round


def main() -> None:
    """Read the options and serve until interrupted, or until input ends."""
    parser = argparse.ArgumentParser(
        prog="python -m zg_core.testing.wire",
        description="Answer as OpenAI's and Anthropic's servers do.",
    )
    add = parser.add_argument
    add("--port", type=int, default=0)
    add("--latency", type=float, default=0.0, metavar="SECONDS")
    add("--piece", type=int, metavar="CHARACTERS", help="of a stream, instead of words")
    add("--text", help="what it answers, instead of the usual")
    add(
        "--tool-rounds",
        type=int,
        default=0,
        metavar="N",
        help="want the first tool so often, then answer",
    )
    add(
        "--fail",
        type=_every,
        action="append",
        default=[],
        metavar="N:STATUS",
        help="answer every Nth request with an HTTP status; may be repeated",
    )
    add("--until-eof", action="store_true", help="end when standard input does")
    given = parser.parse_args()

    def script(asked: WireRequest) -> WireAnswer | None:
        for n, status in given.fail:
            if asked.number % n == 0:
                return Fault(status=status, retry_after=0.1)
        text: str | None = given.text
        return tool_round(asked, given.tool_rounds) or text

    server = WireServer(
        script=script, latency=given.latency, piece=given.piece, port=given.port
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(server, until_eof=given.until_eof))


def _every(text: str) -> tuple[int, int]:
    n, _, status = text.partition(":")
    return int(n), int(status)


async def _serve(server: WireServer, *, until_eof: bool) -> None:
    async with server:
        print(server.url, flush=True)  # noqa: T201 - whoever started it reads this
        if until_eof:
            await asyncio.to_thread(sys.stdin.read)
        else:
            await asyncio.Event().wait()


if __name__ == "__main__":
    main()
