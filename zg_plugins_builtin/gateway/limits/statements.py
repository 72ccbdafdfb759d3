"""The statements that keep the ledger, made once.

To make one takes longer than to execute it, and each call of a model takes some.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, bindparam, delete, insert, or_, select, update

from . import tables

__all__ = ["ACCOUNT", "HELD", "LET_GO", "OPEN", "RESERVE", "SETTLE", "TAKE", "USE"]

_COUNTS = ("calls", "unpriced_calls", "input_tokens", "output_tokens", "cost_nanos")
_C = tables.ledger.c
_IS = [column == bindparam(f"of_{column.name}") for column in tables.ledger.primary_key]
_TOKENS, _NANOS = (
    bindparam("tokens", type_=BigInteger),
    bindparam("nanos", type_=BigInteger),
)
_MOST_TOKENS = bindparam("most_tokens", type_=BigInteger)
_MOST_NANOS = bindparam("most_nanos", type_=BigInteger)
TAKE = (
    update(tables.ledger)
    .where(
        *_IS,
        or_(
            _MOST_TOKENS.is_(None),
            _C.spent_tokens + _C.reserved_tokens + _TOKENS <= _MOST_TOKENS,
        ),
        or_(
            _MOST_NANOS.is_(None),
            _C.spent_nanos + _C.reserved_nanos + _NANOS <= _MOST_NANOS,
        ),
    )
    .values(
        reserved_tokens=_C.reserved_tokens + _TOKENS,
        reserved_nanos=_C.reserved_nanos + _NANOS,
    )
)
SETTLE = (
    update(tables.ledger)
    .where(*_IS)
    .values(
        reserved_tokens=_C.reserved_tokens - bindparam("back_tokens", type_=BigInteger),
        reserved_nanos=_C.reserved_nanos - bindparam("back_nanos", type_=BigInteger),
        spent_tokens=_C.spent_tokens + _TOKENS,
        spent_nanos=_C.spent_nanos + _NANOS,
    )
)
ACCOUNT = select(tables.ledger).where(*_IS)
RESERVE = insert(tables.reserved)
HELD = (
    select(tables.reserved)
    .where(tables.reserved.c.id == bindparam("key"))
    .with_for_update()
)
LET_GO = delete(tables.reserved).where(tables.reserved.c.id == bindparam("key"))


def _used(kind: Any) -> Any:
    """Return what adds to the row of a day's use, or makes it."""
    made = kind(tables.usage)
    added = {name: tables.usage.c[name] + made.excluded[name] for name in _COUNTS}
    return made.on_conflict_do_update(
        index_elements=list(tables.usage.primary_key), set_=added
    )


OPEN = {
    name: kind(tables.ledger).on_conflict_do_nothing()
    for name, kind in tables.inserts.items()
}
USE = {name: _used(kind) for name, kind in tables.inserts.items()}
