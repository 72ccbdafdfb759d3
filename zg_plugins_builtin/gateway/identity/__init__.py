"""Who asks, and what they may do.

`Identity` is the door: it authenticates requests, lets people log in, and hands out
the stores of a tenant. No route is here, and nothing knows of HTTP.
"""

from __future__ import annotations

from .api_keys import ApiKey, ApiKeys, NewApiKey
from .audit import Audit, Entry, record
from .identity import Credential, Identity
from .letters import Letters, Registration
from .logins import Logins, TokenPair
from .oauth import Begun, Finished, OAuthLogins, OtherIdentity
from .passwords import Passwords
from .principals import Principal
from .providers import OAuthProvider, github, google
from .scopes import HOST_SCOPES, ROLES, SCOPES
from .second_factors import Enrolment, SecondFactor, SecondFactors
from .sessions import Session, Sessions
from .tenants import NewTenant, Tenant, Tenants
from .tickets import Ticket
from .users import User, Users

__all__ = [
    "HOST_SCOPES",
    "ROLES",
    "SCOPES",
    "ApiKey",
    "ApiKeys",
    "Audit",
    "Begun",
    "Credential",
    "Enrolment",
    "Entry",
    "Finished",
    "Identity",
    "Letters",
    "Logins",
    "NewApiKey",
    "NewTenant",
    "OAuthLogins",
    "OAuthProvider",
    "OtherIdentity",
    "Passwords",
    "Principal",
    "Registration",
    "SecondFactor",
    "SecondFactors",
    "Session",
    "Sessions",
    "Tenant",
    "Tenants",
    "Ticket",
    "TokenPair",
    "User",
    "Users",
    "github",
    "google",
    "record",
]
