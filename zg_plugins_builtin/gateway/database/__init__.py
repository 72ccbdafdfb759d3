"""The service's database: one schema, in a file or on a PostgreSQL server.

A part of the service that keeps something puts its tables, in a module ``tables``
of its own, into `metadata`, and what makes them into one file of
``migrations/versions``; its stores get a `Database`, and write functions over a
connection of SQLAlchemy.
"""

from __future__ import annotations

from .database import Database
from .lookup import Lookup
from .metadata import Moment, metadata
from .turns import one_at_a_time

__all__ = ["Database", "Lookup", "Moment", "metadata", "one_at_a_time"]
