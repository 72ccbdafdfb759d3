"""How often somebody may try to log in: by account and address, and by address."""

from __future__ import annotations

from starlette.requests import Request

from ..identity.emails import normalised_email
from .callers import address_of
from .rates import RateLimits, address_block

__all__ = ["take_login"]


def take_login(request: Request, account: str) -> None:
    """Count one attempt to prove who somebody is.

    Nobody is locked out: who guesses from one place keeps nobody else from logging in
    from another.

    Args:
        request: The attempt.
        account: The address that is to be logged in, or the id of an account.

    Raises:
        RateExceededError: If it is one too many.
    """
    limits: RateLimits = request.app.state.services.limits
    address = address_of(request)
    limits.take("login_address", address)
    named = normalised_email(account) or account
    limits.take("login", f"{named}/{address_block(address)}")
