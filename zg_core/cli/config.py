"""``zg config``: show the configuration, and change the user's own file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import click

from zg_core._config_files import find_project_file
from zg_core._config_keys import parse_value
from zg_core._names import nearest
from zg_core._secrets import REDACTED, looks_secret, without_password
from zg_core.config import Config, data_dir, user_file
from zg_core.errors import ConfigError, UnknownNameError

from ._groups import Group
from ._invocation import current_invocation, json_option
from ._user_file import set_value, unset_value

__all__ = ["config"]

_EXAMPLE = """\b
Example:
  zg config set model openai
"""


@click.group(cls=Group, invoke_without_command=True, epilog=_EXAMPLE)
@json_option
@click.pass_context
def config(ctx: click.Context) -> None:
    """Show the configuration: each value, and where it came from."""
    if ctx.invoked_subcommand:
        return
    output = current_invocation().output
    shown = list(_shown(current_invocation().config()))
    output.document({key: {"value": v, "origin": o} for key, v, o in shown})
    output.table(["KEY", "VALUE", "ORIGIN"], shown)


@config.command("get", epilog="Example: zg config get model")
@click.argument("key")
@json_option
def get(key: str) -> None:
    """Show one value."""
    output = current_invocation().output
    shown = {
        k: (value, origin) for k, value, origin in _shown(current_invocation().config())
    }
    if key not in shown:
        close = nearest(key, shown)
        raise UnknownNameError(
            f"there is no setting {key!r}",
            f"did you mean {close!r}?" if close else "`zg config` lists them",
        )
    value, origin = shown[key]
    output.document({"key": key, "value": value, "origin": origin})
    lines = value if isinstance(value, tuple | list) else [value]
    for line in lines:
        output.say("" if line is None else str(line))


@config.command("set", epilog="Example: zg config set limits.usd 2.50")
@click.argument("key")
@click.argument("value")
@json_option
def set_(key: str, value: str) -> None:
    """Set a value in your own file.

    A list is written with commas. A value of a plugin, plugins.config.ID.KEY, is
    TOML, or else text. Of a workflow's file the whole path is kept.
    """
    path = _path(key)
    checked: object
    if path[:2] == ["plugins", "config"]:
        if len(path) < 4:
            raise ConfigError(
                f"{key!r} is a section", f"name a key of it: zg config set {key}.KEY …"
            )
        checked = _toml_or_text(value)
    else:
        checked = parse_value(".".join(path), value, "the command")
    if path == ["workflow"]:
        checked = _whole_path(str(checked))
    file = set_value(path, checked)
    current_invocation().output.document({"key": key, "file": str(file)})
    current_invocation().output.say(f"set {key} in {file}")


@config.command("unset", epilog="Example: zg config unset limits.usd")
@click.argument("key")
@json_option
def unset(key: str) -> None:
    """Remove a value from your own file."""
    file = unset_value(_path(key))
    current_invocation().output.document({"key": key, "file": str(file)})
    current_invocation().output.say(f"removed {key} from {file}")


@config.command("path", epilog="Example: zg config path")
@json_option
def path_() -> None:
    """Show where your own file is."""
    from pathlib import Path

    project = find_project_file(Path.cwd())
    current_invocation().output.document(
        {
            "user": str(user_file()),
            "project": str(project.path) if project else None,
            "data": str(data_dir()),
        }
    )
    current_invocation().output.say(str(user_file()))


def _shown(config: Config) -> Iterator[tuple[str, Any, str]]:
    for key, value in config.items():
        origin = config.origin(key)
        if isinstance(value, Mapping):
            yield from ((k, v, origin) for k, v in _leaves(key, value))
        else:
            yield key, _plain(value), origin


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    else:
        secret = looks_secret(key.rpartition(".")[2]) and isinstance(value, str)
        yield key, REDACTED if secret else _plain(value)


def _plain(value: Any) -> Any:
    return without_password(value) if isinstance(value, str) else value


def _path(key: str) -> list[str]:
    """Split a dotted key as TOML does, in which a part may be quoted."""
    try:
        if "=" in key or "\n" in key:
            raise ValueError(key)
        table: Any = tomllib.loads(f"{key} = 0")
    except ValueError as error:
        raise UnknownNameError(
            f"{key!r} is not a dotted key", "write it like limits.usd"
        ) from error
    parts = []
    while isinstance(table, dict):
        ((part, table),) = table.items()
        parts.append(part)
    return parts


def _whole_path(workflow: str) -> str:
    """Return a workflow's file by its whole path, and a workflow's name as it is."""
    from pathlib import Path

    from ._workflow_files import names_file

    return (
        str(Path(workflow).expanduser().absolute())
        if names_file(workflow)
        else workflow
    )


def _toml_or_text(text: str) -> object:
    try:
        values = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return values["value"] if len(values) == 1 else text
