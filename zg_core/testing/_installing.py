"""Really installed packages: a folder on the path, with metadata and modules."""

from __future__ import annotations

import base64
import hashlib
import json
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
from typing import Any

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
        manifest: Mapping[str, Any] | str | None = None,
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
            manifest: What its entry points have as their manifest, or the text of
                that file; there is no file if it is empty. The module is a package.
        """
        module = re.sub(r"[^a-z0-9]+", "_", name.lower())
        own = {f"{module}.py": dedent(code)} if code else {}
        if manifest is not None:
            (self.folder / module).mkdir(exist_ok=True)
            text = manifest if isinstance(manifest, str) else json.dumps(manifest)
            own = {f"{module}/__init__.py": dedent(code)}
            own |= {f"{module}/zg_plugin.json": text} if text else {}
        for file, text in own.items():
            (self.folder / file).write_text(text, encoding="utf-8")
        if entry_points is None:
            entry_points = {"plugin": module}
        if not isinstance(entry_points, str):
            lines = [f"{name} = {value}" for name, value in entry_points.items()]
            lines.insert(0, "[zerogravity.plugins]")
            if manifest is not None:
                lines.append("[zerogravity.manifests]")
                lines += [f"{name} = {module}:zg_plugin.json" for name in entry_points]
            entry_points = "\n".join([*lines, ""])
        metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
        folder = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        written = {
            "METADATA": "\n".join([*metadata, ""]),
            "entry_points.txt": entry_points,
            **(files or {}),
        }
        for file, text in written.items():
            (folder / file).write_text(text, encoding="utf-8")
        if "RECORD" not in written:
            self.record(folder, *own)
        return folder

    def record(self, metadata: Path, *files: str) -> None:
        """Write the list of a distribution's files, with their true hashes.

        Args:
            metadata: The folder of its metadata, whose files are listed too.
            *files: Its other files, from the folder of the packages.
        """
        inside = [file for file in metadata.iterdir() if file.name != "RECORD"]
        listed = [*(self.folder / file for file in files), *sorted(inside)]
        lines = [f"{metadata.name}/RECORD,,"]
        for file in listed:
            digest = hashlib.sha256(file.read_bytes()).digest()
            text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            name = os.path.relpath(file, self.folder)
            lines.append(f"{name},sha256={text},{file.stat().st_size}")
        (metadata / "RECORD").write_text("\n".join([*lines, ""]))

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
