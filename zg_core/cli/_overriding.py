"""Read the option ``--override``: what is to stand in the place of what."""

from __future__ import annotations

from collections.abc import Sequence

import click

from zg_core._names import is_name, split_qualified

__all__ = ["read_overrides"]


def read_overrides(
    ctx: click.Context, param: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    """Return the values by dotted key of the configuration; of two the later.

    Raises:
        click.BadParameter: If one is not ``kind:name=plugin:name``.
    """
    return dict(_read(value, ctx, param) for value in values)


def _read(value: str, ctx: click.Context, param: click.Parameter) -> tuple[str, str]:
    from zg_core._config_keys import KEYS

    what, _, instead = value.partition("=")
    kind, name = split_qualified(what)
    plugin, other = split_qualified(instead)
    table = f"overrides.{kind}s"
    if f"{table}.*" in KEYS and is_name(name) and plugin and is_name(other):
        return f"{table}.{name}", instead
    tables = (key.split(".")[1] for key in KEYS if key.startswith("overrides."))
    kinds = ", ".join(table.removesuffix("s") for table in tables)
    raise click.BadParameter(
        f"{value!r} is not KIND:NAME=PLUGIN:NAME, such as "
        f"agent:planner=zg-better:planner; kinds are {kinds}",
        ctx,
        param,
    )
