"""All routes of the service, by subject, over what they are about."""

from __future__ import annotations

from ..identity import Identity, OAuthLogins
from ..jobs import Jobs
from ..webhooks.webhooks import Webhooks
from . import (
    approval_routes,
    auth_routes,
    catalogue_routes,
    entry_routes,
    factor_routes,
    health,
    job_events,
    job_results,
    job_routes,
    key_routes,
    limit_routes,
    oauth_routes,
    tenant_routes,
    usage_routes,
    user_routes,
    webhook_routes,
)
from .app import Section
from .openai import catalogue, completions

__all__ = ["sections_of"]


def sections_of(
    *, identity: Identity, oauth: OAuthLogins, webhooks: Webhooks, jobs: Jobs
) -> tuple[Section, ...]:
    """Return the routes, by subject, as `create_app` takes them.

    Args:
        identity: Who may use the service.
        oauth: The logins by other services.
        webhooks: Who is told.
        jobs: What is done.
    """
    # Each request is held against the routes in their order, so that those that
    # are asked most come first.
    return (
        lambda services: job_routes.routes_of(jobs, services),
        lambda services: job_events.routes_of(jobs, services),
        health.router,
        lambda _services: oauth_routes.keys_of(identity),
        lambda _services: auth_routes.routes_of(identity),
        lambda _services: entry_routes.routes_of(identity),
        lambda services: factor_routes.routes_of(identity, services),
        lambda services: oauth_routes.routes_of(oauth, services),
        lambda services: key_routes.routes_of(identity, services),
        lambda services: user_routes.routes_of(identity, services),
        lambda services: tenant_routes.routes_of(identity, services),
        lambda _services: webhook_routes.routes_of(webhooks),
        lambda _services: job_results.routes_of(jobs),
        lambda services: approval_routes.routes_of(jobs, services),
        lambda services: usage_routes.routes_of(jobs, services),
        lambda services: limit_routes.routes_of(jobs, services),
        lambda _services: catalogue_routes.routes_of(jobs.engine),
        lambda _services: catalogue.routes_of(jobs),
        lambda services: completions.routes_of(jobs, services),
    )
