"""Read and make the lock: which plugins may be loaded, to the byte.

```json
{"lock_version": 1,
 "plugins": [{"id": "zg-words", "version": "1.0", "record_sha256": "…", "files": 7,
              "editable": false, "tools": {"count": "sha256:…"},
              "tool_texts": {"count": {"description": "…", "parameters": {}}}}]}
```

The digest of RECORD stands for all files it lists, since it holds their hashes; of a
plugin that is one file it is the digest of that. A tool's digest is over what models
are told of it. The texts are there to be compared by people, and nothing else looks
at them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._json import JsonObject
from ...errors import ConfigError, PluginError
from ...specs import ToolSpec
from ..finding.sources import Source
from .files import FileList, list_file, list_files

if TYPE_CHECKING:
    from ..records import PluginRecord

__all__ = [
    "LOCK_VERSION",
    "Lock",
    "LockedPlugin",
    "digest_of",
    "lock_of",
    "lock_text",
    "make_lock",
    "read_lock",
    "tool_digest",
    "tool_text",
    "unlockable",
]

LOCK_VERSION = 1
_REMEDY = "make it anew: zg plugins lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPlugin:
    """One plugin of a lock.

    Attributes:
        id: Its id.
        version: The version that is locked.
        record_sha256: The digest of its RECORD; `None` if it is editable.
        files: How many files it lists.
        editable: Whether its working copy may be used, whatever stands in that.
        tools: The digest of each tool.
        tool_texts: What models were told of each.
    """

    id: str
    version: str
    record_sha256: str | None
    files: int
    editable: bool
    tools: Mapping[str, str]
    tool_texts: Mapping[str, JsonObject] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock, as it was read.

    Attributes:
        path: The file.
        plugins: The plugins by id.
    """

    path: Path
    plugins: Mapping[str, LockedPlugin]

    def objection(self, source: Source) -> str | None:
        """Say why an installed plugin is not the one that is locked, if it is not.

        Its files are read and its code is not run.

        Args:
            source: Where the plugin comes from.
        """
        locked = self.plugins.get(source.id)
        if locked is None:
            return f"is not in {self.path}"
        if source.version != locked.version:
            return f"has version {source.version}, and {locked.version} is locked"
        if _editable(source) != locked.editable:
            return f"is {'' if locked.editable else 'not '}locked as an editable one"
        if locked.editable:
            return None
        found = _files(source)
        if found and found.sha256 != locked.record_sha256:
            return "has other files than were locked"
        return _flaw(source, found)

    def tools(self, plugin_id: str) -> Mapping[str, str] | None:
        """Return the digests of a plugin's tools; `None` if it is not locked."""
        locked = self.plugins.get(plugin_id)
        return locked.tools if locked else None


def read_lock(path: Path) -> Lock:
    """Read a lock.

    Raises:
        ConfigError: If there is none, or it is none that this version understands.
    """
    try:
        return lock_of(json.loads(path.read_text(encoding="utf-8")), path)
    except FileNotFoundError as error:
        raise _refused(path, "does not exist") from error
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise _refused(path, "is no lock of plugins") from error


def lock_of(document: JsonObject, path: Path) -> Lock:
    """Return the lock that is, or would be, in the file *path*.

    Raises:
        ConfigError: If it has another version than we understand.
        ValueError: If it is no lock; also `LookupError` or `TypeError`.
    """
    version = document["lock_version"]
    if version != LOCK_VERSION:
        raise _refused(path, f"has lock_version {version!r:.20}, not {LOCK_VERSION}")
    plugins = [_plugin(each) for each in document["plugins"]]
    return Lock(path, {plugin.id: plugin for plugin in plugins})


def _refused(path: Path, why: str) -> ConfigError:
    return ConfigError(f"the lock {path} {why}", _REMEDY, file=str(path))


def _plugin(document: Mapping[str, Any]) -> LockedPlugin:
    plugin = LockedPlugin(
        id=document["id"],
        version=document["version"],
        record_sha256=document["record_sha256"],
        files=document["files"],
        editable=document["editable"],
        tools=dict(document["tools"]),
        tool_texts=dict(document.get("tool_texts", {})),
    )
    digests = [] if plugin.editable is True else [plugin.record_sha256]
    texts = [plugin.id, plugin.version, *digests, *plugin.tools.values()]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(document)
    return plugin


def tool_digest(spec: ToolSpec) -> str:
    """Return the digest of what a model is told of a tool: ``"sha256:…"``.

    It is over the canonical JSON of name, description and parameters. Where the
    parameters come from a function, pydantic writes their schema.

    Raises:
        PluginError: If its parameters have no JSON Schema that may be used.
    """
    return digest_of(spec.name, tool_text(spec))


def tool_text(spec: ToolSpec) -> JsonObject:
    """Return what a model is told of a tool, beside its name.

    Raises:
        PluginError: If its parameters have no JSON Schema that may be used.
    """
    from ..._schema import parameters_of

    try:
        parameters = json.loads(json.dumps(parameters_of(spec)))
    except PluginError as error:
        raise PluginError(
            f"the tool {spec.name!r} cannot be used: {error.cause}",
            "report it to the plugin's authors",
        ) from error
    return {"description": spec.description, "parameters": parameters}


def digest_of(name: str, text: JsonObject) -> str:
    """Return the digest of a tool whose `tool_text` this is."""
    from ..._codec import digest  # pydantic, which who has no tools can do without

    return f"sha256:{digest({'name': name, **text})}"


def unlockable(plugin: PluginRecord) -> str | None:
    """Say why a plugin cannot be locked, if it cannot; as the end of a sentence.

    An editable one can: whoever locks decides whether to.
    """
    if plugin.state not in ("active", "degraded"):
        return f"is {plugin.state}"
    if _editable(plugin.source):
        return None
    return _flaw(plugin.source, _files(plugin.source))


def make_lock(plugins: Iterable[PluginRecord]) -> JsonObject:
    """Return the lock of plugins that were loaded and are lockable.

    Raises:
        PluginError: If the parameters of a tool cannot be written as JSON.
    """
    documents = [_document(plugin) for plugin in plugins]
    documents.sort(key=lambda document: str(document["id"]))
    return {"lock_version": LOCK_VERSION, "plugins": documents}


def _document(plugin: PluginRecord) -> JsonObject:
    files = None if _editable(plugin.source) else _files(plugin.source)
    specs = [c.spec for c in plugin.contributions if isinstance(c.spec, ToolSpec)]
    texts = {s.name: tool_text(s) for s in sorted(specs, key=lambda s: s.name)}
    return {
        "id": plugin.id,
        "version": plugin.version,
        "record_sha256": files.sha256 if files else None,
        "files": len(files.files) if files else 0,
        "editable": files is None,
        "tools": {name: digest_of(name, text) for name, text in texts.items()},
        "tool_texts": texts,
    }


def _editable(source: Source) -> bool:
    return source.copy is not None and source.copy.editable != ""


def _files(source: Source) -> FileList | None:
    if source.file:
        return list_file(source.file)
    return list_files(source.copy) if source.copy else None


def _flaw(source: Source, found: FileList | None) -> str | None:
    if found is None:
        return "has no RECORD, so that its files cannot be checked"
    return found.flaw(source.reference) if source.copy else None


def lock_text(document: JsonObject) -> str:
    """Return a lock as the text of its file, the same for the same plugins."""
    return json.dumps(document, indent=2, sort_keys=False) + "\n"
