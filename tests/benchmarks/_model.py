"""A model server that takes its time: `python _model.py LEAST MOST`, in seconds."""

from __future__ import annotations

import asyncio
import random
import sys

from zg_core.testing.wire import WireRequest, WireServer


async def _serve(least: float, most: float) -> None:
    draw = random.Random(7)

    def script(_: WireRequest) -> None:
        server.latency = draw.uniform(least, most)  # of this answer
        server.requests.clear()  # nobody looks at them, and they would add up

    server = WireServer(script=script)
    async with server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), float(sys.argv[2])))
