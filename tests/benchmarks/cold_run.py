"""A whole process for one model call: what one waits for at each ``zg run``."""

from __future__ import annotations

from _calls import OBJECTIVE
from _measure import CommandBenchmark

_SCRIPT = f"""
import asyncio
from openai import AsyncOpenAI

async def main():
    async with AsyncOpenAI() as client:
        answer = await client.chat.completions.create(
            model="m", messages=[{{"role": "user", "content": "{OBJECTIVE}"}}]
        )
        print(answer.choices[0].message.content)

asyncio.run(main())
"""
_RUN = ("-m", "zg_core.cli", "run", OBJECTIVE, "--agent", "engineer")

BENCHMARK = CommandBenchmark(
    name="one call by a process of its own",
    commands={
        "python -c pass": ("-c", "pass"),
        "a script with the openai package": ("-c", _SCRIPT),
        "zg run, one call": (*_RUN, "--model", "openai:m"),
    },
    served=True,
)

if __name__ == "__main__":
    BENCHMARK.main()
