"""Take in files that are plugins, which only the user's own configuration names."""

from __future__ import annotations

import re
import sys
from hashlib import sha256
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

from ...config import Config, user_file
from .discover import Discovery
from .sources import BUILTIN, DISTRIBUTION, Source

__all__ = ["import_file", "with_files"]


def with_files(found: Discovery, config: Config) -> Discovery:
    """Return what is installed together with the files that are plugins.

    A file takes the place of an installed plugin of its id: so nobody can take its
    names away by publishing a package.
    """
    sources = {source.id: source for source in found.sources}
    diagnostics = list(found.diagnostics)
    taken: set[str] = set()
    for text in config.plugins_local:
        # The current folder is a repository's, from whomever.
        path = user_file().parent / Path(text).expanduser()
        source = _source(path, taken)
        taken.add(source.id)
        if displaced := sources.get(source.id):
            diagnostics = [d for d in diagnostics if d.plugin != source.id]
            findings = source.findings()
            findings.add(
                "ZG104",
                f"{path} takes the place of {displaced.id} {displaced.version}, "
                "which is installed",
                f"give the file another name, or: pip uninstall {displaced.id}",
            )
            diagnostics += findings.diagnostics
        sources[source.id] = source
    return Discovery(tuple(sources.values()), tuple(diagnostics))


def import_file(file: str) -> object:
    """Import a file by its path, once, and return its module.

    It gets the name it would have on `sys.path`, if nothing there has it.

    Raises:
        Exception: Whatever importing it raises, `BaseException` too.
    """
    stem = re.sub(r"\W", "_", Path(file).stem)
    name = f"_{stem}_{sha256(file.encode()).hexdigest()[:8]}"
    for module in (sys.modules.get(stem), sys.modules.get(name)):
        if getattr(module, "__file__", None) == file:
            return module
    if stem not in sys.modules and find_spec(stem) is None:
        name = stem
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = sys.modules[name] = module_from_spec(spec)
    ended = False
    try:
        spec.loader.exec_module(module)
        ended = True
    finally:
        if not ended:
            del sys.modules[name]
    return module


def _source(path: Path, taken: set[str]) -> Source:
    slug = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "file"
    own = f"local-{slug}" if slug in (BUILTIN, DISTRIBUTION) else slug
    count = 2
    while own in taken:
        own = f"{slug}-{count}"
        count += 1
    return Source(id=own, reference=str(path), file=str(path))
