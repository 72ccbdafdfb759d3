"""The process that `offering` asks a plugin in."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .._isolation import contain, describe
from .._json import JsonObject
from .._version import core_version
from ..errors import PluginError
from ..hookspecs import API
from ..plugins.finding.sources import BUILTIN, BUILTIN_MODULE, Source
from ..plugins.hooks import HookManager
from ..plugins.load import Loaded, load
from ..plugins.manifests.format import manifest_of
from ..plugins.references import module_of, resolve
from ..plugins.trial.probed import source_from
from ..specs import HostInfo


def _loaded(source: Source, *builtin_tools: str) -> Loaded:
    info = HostInfo(core_version=core_version(), api=API)
    return load(
        source, lambda: resolve(source.reference), HookManager(), info, builtin_tools
    )


def _manifest(source: Source) -> JsonObject:
    """Return what `manifest_of` makes of a plugin.

    Raises:
        PluginError: If it cannot be loaded as a whole.
    """
    builtin = _loaded(Source(id=BUILTIN, reference=BUILTIN_MODULE, builtin=True))
    tools = (c.name for c in builtin.contributions if c.kind == "tool")
    loaded = _loaded(source, *tools)
    wrong = [found for found in loaded.diagnostics if found.severity == "error"]
    if wrong:
        raise PluginError(wrong[0].message)
    module = sys.modules[module_of(source.reference)]
    plugin = resolve(source.reference)
    api = getattr(plugin, "ZG_PLUGIN_API", getattr(module, "ZG_PLUGIN_API", API))
    return manifest_of(loaded.contributions, api)


def _main(told: str) -> None:
    found: JsonObject = {}
    with contain() as caught:
        found = {"manifest": _manifest(source_from(json.load(sys.stdin)))}
    if isinstance(caught.error, PluginError):
        found = {"problem": caught.error.cause}
    elif caught.error:
        found = {"problem": describe(caught.error)}
    Path(told).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1])
