"""``zg chat``: talk with one agent."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from ._bounds import Bounds, limit_options
from ._completion import complete
from ._groups import Command
from ._invocation import current_invocation, json_option
from ._wanted import download_option

__all__ = ["chat"]

_EXAMPLE = """\b
Examples:
  zg chat
  zg chat --agent designer --model openai:gpt-4.1-mini --max-usd 0.50
  zg chat --continue last
"""


@click.command(cls=Command, epilog=_EXAMPLE)
@click.option(
    "--agent",
    metavar="NAME",
    shell_complete=complete("agent"),
    help="Whom to talk with; else whom the conversation was with, or assistant.",
)
@click.option("--model", metavar="PROVIDER:MODEL", help="The model; else as found.")
@click.option(
    "--continue",
    "continues",
    metavar="RUN",
    help="Go on with a conversation: a run of it, or last.",
)
@click.option(
    "--out", metavar="DIR", help="The folder for its files; else one of its own."
)
@limit_options
@download_option
@json_option
def chat(bounds: Bounds, **given: Any) -> int:
    """Talk with an agent: one line is a message, and Ctrl-D ends.

    Alt-Enter begins a new line of the same message; what is pasted stays together.
    Ctrl-C stops an answer, not the conversation. Each answer is a run of its own, which
    `zg runs` lists. The limits are those of all answers together, but for --timeout,
    which each of them has. With --json each answer is one line of JSON.

    /help lists what else can be typed.
    """
    import anyio

    from ._chatting import Wish, talk

    return anyio.run(partial(talk, current_invocation(), Wish(bounds=bounds, **given)))
