"""Really installed packages, which this process imports as well."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

from zg_core.testing import Site as InstalledSite

GOOD = """
    import zg_core.plugin_api as zg

    @zg.hookimpl
    def zg_register_agents():
        return [zg.AgentSpec(name="goodie", factory=Goodie)]

    class Goodie:
        async def run(self, ctx):
            return zg.Reply(output="good")
"""


class Site(InstalledSite):
    """A folder of installed distributions that is on the path of this process."""

    def install_with_files(self, name: str, code: str, **files: str) -> None:
        """Install a plugin that is a package, with files of JSON lines in it."""
        module = name.replace("-", "_")
        (self.folder / module).mkdir()
        own = {"__init__.py": dedent(code)}
        own |= {f"{file}.jsonl": text for file, text in files.items()}
        for file, text in own.items():
            (self.folder / module / file).write_text(text, encoding="utf-8")
        self.record(self.install(name), *(f"{module}/{file}" for file in own))

    def forget(self) -> None:
        """Take the modules that were imported from here out of Python again."""
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and Path(file).resolve().is_relative_to(self.folder):
                del sys.modules[name]
