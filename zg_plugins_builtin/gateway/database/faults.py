"""Say in plain words what went wrong with the database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from ..errors import DatabaseError

__all__ = ["faults"]

_logger = logging.getLogger(__name__)


@contextmanager
def faults(place: str) -> Iterator[None]:
    """Raise what is wrong with the database itself as a `DatabaseError`.

    What is wrong with the statements passes: a violated constraint means something
    to who wrote them, and the rest is a mistake of ours.

    Args:
        place: The database, without a password.
    """
    try:
        yield
    except (exc.IntegrityError, exc.ProgrammingError, exc.DataError):
        raise
    except (exc.DBAPIError, exc.TimeoutError) as error:
        told = getattr(error, "orig", None) or error
        fault = DatabaseError(
            "the database cannot be used for now", "try again in a moment"
        )
        fault.reason = f"the database {place} cannot be used: {str(told).strip()}"
        _logger.warning("database_fault", extra={"reason": fault.reason})
        raise fault from error
