"""Complete the names of what plugins offer, and import none of them for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from ._invocation import current_invocation

if TYPE_CHECKING:
    from zg_core.registry import Kind

__all__ = ["complete", "complete_workflow"]


def complete(
    kind: Kind,
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return what completes the names of a kind: those built in or in a manifest."""

    def names(
        ctx: click.Context, _: click.Parameter, typed: str
    ) -> list[CompletionItem]:
        host = current_invocation(ctx).shown_host()
        meant = ("active", "override")
        found = (
            (offer.name if host.standing(offer) in meant else offer.qualified, offer)
            for offer in host.known(kind)
        )
        return [
            CompletionItem(name, help=offer.spec.description)
            for name, offer in found
            if name.startswith(typed)
        ]

    return names


def complete_workflow(
    ctx: click.Context, param: click.Parameter, typed: str
) -> list[CompletionItem]:
    """Complete the name of a workflow, or else that of a file."""
    names = complete("workflow")(ctx, param, typed)
    return names or [CompletionItem(typed, type="file")]
