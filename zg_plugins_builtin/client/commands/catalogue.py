"""``zg --server ADDRESS agents|tools``: what there is to be asked on a server."""

from __future__ import annotations

import click

from zg_core import current_invocation, json_option

from ._opening import opened

__all__ = ["agents", "tools"]


@click.command()
@json_option
def agents() -> None:
    """List the agents of a server."""
    import anyio

    anyio.run(_agents)


@click.command()
@json_option
def tools() -> None:
    """List the tools of a server's agents."""
    import anyio

    anyio.run(_tools)


async def _agents() -> None:
    output = current_invocation().output
    async with opened() as client:
        found = await client.agents()
    output.document({"schema": 1, "agents": [dict(one.raw) for one in found]})
    output.table(
        ["NAME", "QUALIFIED", "DESCRIPTION"],
        [(one.name, one.qualified, one.description) for one in found],
    )


async def _tools() -> None:
    output = current_invocation().output
    async with opened() as client:
        found = await client.tools()
    output.document({"schema": 1, "tools": [dict(one.raw) for one in found]})
    output.table(
        ["NAME", "QUALIFIED", "RISK", "DESCRIPTION"],
        [(one.name, one.qualified, one.risk, one.description) for one in found],
    )
