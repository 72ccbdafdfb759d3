"""From ``zg`` to its last line: what one waits for at each command."""

from __future__ import annotations

from _measure import CommandBenchmark

BENCHMARK = CommandBenchmark(
    name="start-up of the command line",
    commands={
        "python -c pass": ("-c", "pass"),
        "python -c 'import click'": ("-c", "import click"),
        "zg --version": ("-m", "zg_core.cli", "--version"),
        "zg --help": ("-m", "zg_core.cli", "--help"),
        "zg agents": ("-m", "zg_core.cli", "agents"),
    },
)

if __name__ == "__main__":
    BENCHMARK.main()
