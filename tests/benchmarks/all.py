"""All benchmarks, one table: ``python tests/benchmarks/all.py [--repeat N]``."""

from __future__ import annotations

import argparse

import cold_run
import importing
import many
import one_call
import plugins
import startup
import streaming
import tool_loop
import waiting
import workflow
from _measure import show

_ALL = (
    importing,
    startup,
    cold_run,
    plugins,
    one_call,
    workflow,
    waiting,
    tool_loop,
    streaming,
    many,
)


def main() -> None:
    """Run them one after the other; each prints its part as it ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, help="measurements of each variant")
    repeat: int | None = parser.parse_args().repeat
    for module in _ALL:
        show(module.BENCHMARK.run(repeat))


if __name__ == "__main__":
    main()
