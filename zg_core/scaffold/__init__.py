"""Begin the project of a plugin from the template, and keep it up with it."""

from __future__ import annotations

from .create import Created, create
from .names import Names, names_of
from .template import KINDS
from .update import Change, changes, make

__all__ = [
    "KINDS",
    "Change",
    "Created",
    "Names",
    "changes",
    "create",
    "make",
    "names_of",
]
