"""How a benchmark measures: fresh processes, medians, CPU first, beside a floor."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType

from zg_core.testing.wire import serve_apart

__all__ = ["Benchmark", "CommandBenchmark", "Lap", "Row", "show"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one variant took, in the unit of its benchmark.

    The peak is of the whole process, and never below this one's, which a child
    inherits. The wall is what it took beyond the ideal, where there is one.
    """

    benchmark: str
    variant: str
    unit: str
    cpu: float
    wall: float
    peak_mb: float


@dataclass(slots=True)
class Lap:
    """One measurement of one variant, in a process of its own.

    Attributes:
        url: The root of the model server.
        count: How often the thing is to be done.
    """

    url: str
    count: int
    cpu: float = 0.0
    wall: float = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure the block; what is before and after it does not count."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu = time.process_time() - cpu
        self.wall = time.perf_counter() - wall


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Variants of one thing, the first of which is the floor.

    Those whose names end in "package" use a vendor's package plainly; the variants
    after such a one are measured against it too.

    Attributes:
        name: What is measured.
        file: The script that defines it, which is also run for each measurement.
        unit: What a figure means, such as ``ms a call``.
        scale: What seconds are multiplied with for that unit.
        count: How often the thing is done in one measurement.
        repeat: Measurements of each variant, of which the median counts.
        ideal: Seconds that one takes if nothing but the server is waited for.
        server: Options of the model server.
        variants: What to measure, by name.
    """

    name: str
    file: str
    unit: str
    count: int
    variants: Mapping[str, Callable[[Lap], Awaitable[None]]]
    scale: float = 1000.0
    repeat: int = 5
    ideal: float = 0.0
    server: Sequence[str] = ()

    def main(self) -> None:
        """Run as a script: all of it, or one measurement for another process."""
        parser = argparse.ArgumentParser(description=f"Measure {self.name}.")
        parser.add_argument("--repeat", type=int, default=self.repeat)
        parser.add_argument("--variant", help=argparse.SUPPRESS)
        parser.add_argument("--url", help=argparse.SUPPRESS)
        given = parser.parse_args()
        if given.variant is None:
            show(self.run(given.repeat))
        else:
            lap = Lap(given.url, self.count)
            asyncio.run(self._measured(given.variant, lap))
            print(json.dumps(asdict(lap)))

    async def _measured(self, variant: str, lap: Lap) -> None:
        await self.variants[variant](lap)

    def run(self, repeat: int | None = None) -> list[Row]:
        """Measure all variants in turn, as often as asked, and return the medians."""
        taken: dict[str, list[_Taken]] = {variant: [] for variant in self.variants}
        with serve_apart(*self.server) as url:
            for _ in range(repeat or self.repeat):
                for variant, before in taken.items():
                    options = ("--variant", variant, "--url", url)
                    before.append(_run([sys.executable, self.file, *options]))
        return [self._row(variant, laps) for variant, laps in taken.items()]

    def _row(self, variant: str, laps: list[_Taken]) -> Row:
        inner = [json.loads(lap.output) for lap in laps]
        each = self.scale / self.count
        return Row(
            benchmark=self.name,
            variant=variant,
            unit=self.unit,
            cpu=statistics.median(lap["cpu"] for lap in inner) * each,
            wall=(
                statistics.median(lap["wall"] for lap in inner) * each
                - self.ideal * self.scale
            ),
            peak_mb=statistics.median(lap.peak_mb for lap in laps),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandBenchmark:
    """Commands, each measured from start to end, the first of which is the floor.

    Attributes:
        name: What is measured.
        commands: Arguments to Python, by what they are called.
        repeat: Measurements of each, of which the median counts.
        served: Whether OpenAI's address, for the commands, is a model server's.
    """

    name: str
    commands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    repeat: int = 9
    served: bool = False

    def main(self) -> None:
        """Run as a script."""
        parser = argparse.ArgumentParser(description=f"Measure {self.name}.")
        parser.add_argument("--repeat", type=int, default=self.repeat)
        show(self.run(parser.parse_args().repeat))

    def run(self, repeat: int | None = None) -> list[Row]:
        """Measure all commands in turn, and return the medians."""
        if not self.served:
            return self._measured(repeat or self.repeat, {})
        with serve_apart() as url:
            openai = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "sk-none"}
            return self._measured(repeat or self.repeat, openai)

    def _measured(self, repeat: int, more: Mapping[str, str]) -> list[Row]:
        taken: dict[str, list[_Taken]] = {name: [] for name in self.commands}
        for command in self.commands.values():
            _run([sys.executable, *command], more)  # writes what is cached
        for _ in range(repeat):
            for name, before in taken.items():
                before.append(_run([sys.executable, *self.commands[name]], more))
        return [
            Row(
                benchmark=self.name,
                variant=name,
                unit="ms",
                cpu=statistics.median(lap.cpu for lap in laps) * 1000,
                wall=statistics.median(lap.wall for lap in laps) * 1000,
                peak_mb=statistics.median(lap.peak_mb for lap in laps),
            )
            for name, laps in taken.items()
        ]


_NOTHING: Mapping[str, str] = MappingProxyType({})
_NO_CACHE = "PYTHONDONTWRITEBYTECODE"
"""With it we would be compiled for each command, unlike what pip has installed."""


@dataclass(frozen=True, slots=True)
class _Taken:
    output: str
    cpu: float
    wall: float
    peak_mb: float


def _run(command: Sequence[str], more: Mapping[str, str] = _NOTHING) -> _Taken:
    """Run a command in an empty folder, with no configuration and no keys.

    Args:
        command: What to run.
        more: Environment variables; a command that is given some tells a person what
            it does, who is not there.
    """
    with tempfile.TemporaryDirectory() as folder:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ZG_", "OPENAI_", "ANTHROPIC_", _NO_CACHE))
        }
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=kept | {"ZG_HOME": str(Path(folder, "home"))} | dict(more),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if more else None,
            text=True,
        )
        assert process.stdout is not None
        began = time.perf_counter()
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.stdout.close()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return _Taken(output, used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def show(rows: Sequence[Row]) -> None:
    """Print rows with their ratios: to the benchmark's first row, and its package's."""
    floors: dict[str, Row] = {}
    packages: dict[str, Row] = {}
    for row in rows:
        floor = floors.setdefault(row.benchmark, row)
        if floor is row:
            print(f"\n{row.benchmark}, {row.unit}")
            print(
                f"  {'':38}{'CPU':>9}{'floor':>7}{'plain':>7}"
                f"{'wall':>10}{'floor':>7}{'plain':>7}{'peak MB':>9}"
            )
        if row.variant.endswith("package"):
            packages[row.benchmark] = row
        package = packages.get(row.benchmark)
        print(
            f"  {row.variant:38}{row.cpu:9.3f}{row.cpu / floor.cpu:7.2f}"
            f"{_ratio(row.cpu, package and package.cpu)}"
            f"{row.wall:10.3f}{row.wall / floor.wall:7.2f}"
            f"{_ratio(row.wall, package and package.wall)}{row.peak_mb:9.0f}",
            flush=True,
        )


def _ratio(took: float, plainly: float | None) -> str:
    return f"{took / plainly:7.2f}" if plainly else f"{'':7}"


# A thousand connections need as many files, here and in the server.
_, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_most, _most))
