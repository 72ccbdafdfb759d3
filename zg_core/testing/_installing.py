"""Really installed packages: a folder on the path, with metadata and modules."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType

__all__ = ["Site", "installed"]


class Site:
    """A folder of installed distributions, as an installer leaves it.

    What is installed in it is found by processes that are started with it: by `zg`
    and `python`. That is the way to test how a plugin is discovered.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def install(
        self,
        name: str,
        code: str = "",
        *,
        version: str = "1.0",
        entry_points: Mapping[str, str] | str | None = None,
        requires: tuple[str, ...] = (),
        files: Mapping[str, str] | None = None,
    ) -> Path:
        """Install a distribution and return the folder of its metadata.

        Args:
            name: Its name; the module is called the same, with underscores.
            code: The module.
            version: Its version.
            entry_points: Its plugins by entry point, or the text of the whole file;
                the module itself if `None`.
            requires: Its requirements.
            files: Further files of the metadata.
        """
        module = re.sub(r"[^a-z0-9]+", "_", name.lower())
        if code:
            (self.folder / f"{module}.py").write_text(dedent(code), encoding="utf-8")
        if entry_points is None:
            entry_points = {"plugin": module}
        if not isinstance(entry_points, str):
            lines = [f"{name} = {value}" for name, value in entry_points.items()]
            entry_points = "\n".join(["[zerogravity.plugins]", *lines, ""])
        metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
        folder = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        written = {
            "METADATA": "\n".join([*metadata, ""]),
            "RECORD": f"{module}.py,,\n",
            "entry_points.txt": entry_points,
            **(files or {}),
        }
        for file, text in written.items():
            (folder / file).write_text(text, encoding="utf-8")
        return folder

    def unpack(self, wheel: Path) -> None:
        """Install a wheel of nothing but Python, which is a matter of unpacking it."""
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.folder)

    def zg(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Call ``zg`` as a command of its own, with these packages installed."""
        return self.python("-m", "zg_core.cli", *arguments, environ=environ)

    def python(
        self,
        *arguments: str,
        cwd: Path | None = None,
        environ: Mapping[str, str] = MappingProxyType({}),
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Call the interpreter, with these packages installed."""
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=timeout,
            env={**os.environ, "PYTHONPATH": str(self.folder), **environ},
        )


@contextmanager
def installed(*wheels: Path) -> Iterator[Site]:
    """Install wheels in a temporary folder, with no configuration and no runs."""
    with tempfile.TemporaryDirectory() as place:
        site = Site(Path(place, "site"))
        for wheel in wheels:
            site.unpack(wheel)
        yield site
