"""What a client does for people who decide, and with what there is to be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from zg_core.plugin_api import JsonObject

from ._calls import path_of
from ._spending import SpendingCalls
from .records import Approval, CatalogueAgent, CatalogueTool

__all__ = ["PeopleCalls"]


class PeopleCalls(SpendingCalls):
    """Approvals, agents and tools."""

    async def approvals(
        self, *, state: str | None = "pending", limit: int | None = None
    ) -> AsyncIterator[Approval]:
        """Yield what jobs ask to be allowed, the oldest first.

        Args:
            state: Those of one state; `None` is all.
            limit: How many at most.
        """
        path = path_of("approvals")
        async for row in self._asker.pages(path, {"state": state}, limit):
            yield Approval.of(row)

    async def approval(self, approval_id: str) -> Approval:
        """Return what a job asks to be allowed."""
        return Approval.of(await self._get("approvals", approval_id))

    async def approve(
        self,
        approval: Approval,
        *,
        edited_args: JsonObject | None = None,
        comment: str = "",
    ) -> Approval:
        """Allow what was looked at; the first decision holds.

        Args:
            approval: What was looked at. If it is something else by now, nothing is
                allowed.
            edited_args: All the arguments to do it with instead.
            comment: Why, for the record.

        Raises:
            ApprovalStaleError: If it is something else by now.
            ApprovalDecidedError: If somebody decided otherwise before.
            ApprovalExpiredError: If nobody decided it in time.
        """
        edited = {} if edited_args is None else {"edited_args": edited_args}
        return await self._decide(approval, "approve", comment, **edited)

    async def reject(self, approval: Approval, *, comment: str = "") -> Approval:
        """Refuse what was looked at; the first decision holds.

        Args:
            approval: What was looked at.
            comment: Why; the model is told.

        Raises:
            ApprovalStaleError: If it is something else by now.
            ApprovalDecidedError: If somebody decided otherwise before.
            ApprovalExpiredError: If nobody decided it in time.
        """
        return await self._decide(approval, "reject", comment)

    async def _decide(
        self, approval: Approval, decision: str, comment: str, **more: Any
    ) -> Approval:
        body = {
            "decision": decision,
            "args_sha256": approval.args_sha256,
            "comment": comment,
            **more,
        }
        path = ("approvals", approval.approval_id, "decision")
        # The same decision again is the same: it may be sent twice.
        return Approval.of(await self._post(*path, body=body, known=True))

    async def agents(self) -> Sequence[CatalogueAgent]:
        """Return the agents that an objective may name."""
        return [CatalogueAgent.of(row) for row in _rows(await self._get("agents"))]

    async def agent(self, name: str) -> CatalogueAgent:
        """Return an agent, by its short or its qualified name."""
        return CatalogueAgent.of(await self._get("agents", name))

    async def tools(self) -> Sequence[CatalogueTool]:
        """Return the tools that agents may use."""
        return [CatalogueTool.of(row) for row in _rows(await self._get("tools"))]


def _rows(said: Any) -> Sequence[Any]:
    rows = said.get("data") if isinstance(said, dict) else None
    return rows if isinstance(rows, list) else ()
