"""Limits: what may be spent and by whom, and what was stopped.

`Spending` is the door. It stands beside jobs, which ask it before they begin and,
through the steward of each, before every call.
"""

from __future__ import annotations

from .accounts import SCOPES, Account, Payer
from .budgets import Budget, Standing
from .policies import Policy, SpendSettings
from .spending import Spending
from .switches import Switch, Switches, goes_on, void_for
from .usages import Used

__all__ = [
    "SCOPES",
    "Account",
    "Budget",
    "Payer",
    "Policy",
    "SpendSettings",
    "Spending",
    "Standing",
    "Switch",
    "Switches",
    "Used",
    "goes_on",
    "void_for",
]
