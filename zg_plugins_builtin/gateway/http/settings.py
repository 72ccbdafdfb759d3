"""What an operator decides about the service over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import urlsplit

import zg_core as zg

from .rates import RATES, Rate

__all__ = ["LOOPBACK", "CompletionSettings", "HttpSettings"]

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionSettings:
    """For how long a completion waits for its job.

    Args:
        answer_seconds: For its end, where the answer is not streamed.
        question_seconds: For a person, whom the job asks something.
    """

    answer_seconds: float = 600
    question_seconds: float = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """What an operator decides about the service over HTTP.

    Args:
        hosts: The names under which clients reach it; ``*.example.com`` is any below.
        origins: The web origins whose pages may read answers.
        credentials: Whether those pages may send cookies.
        trusted_proxies: Addresses and networks of proxies that are believed when
            they say who the client is. Nobody else is.
        longest_body: The longest body that is read, in bytes.
        openapi: Whether ``/openapi.json`` is served, to who has a credential.
        rates: How often a principal may ask, by class of route, and an address
            that has not said who it is.
        completions: For how long those of OpenAI's clients wait.

    Raises:
        ConfigError: If they are no protection as they stand.
    """

    hosts: tuple[str, ...] = LOOPBACK
    origins: tuple[str, ...] = ()
    credentials: bool = False
    trusted_proxies: tuple[str, ...] = ()
    longest_body: int = 256 * 1024
    openapi: bool = False
    rates: tuple[Rate, ...] = RATES
    completions: CompletionSettings = CompletionSettings()

    def __post_init__(self) -> None:
        _check_hosts(self.hosts)
        _check_origins(self.origins, credentials=self.credentials)
        for proxy in self.trusted_proxies:
            _check_proxy(proxy)
        _check_rates(self.rates)


def _check_hosts(hosts: tuple[str, ...]) -> None:
    for host in hosts:
        if not host or "*" in host.removeprefix("*.") or "/" in host:
            raise zg.ConfigError(
                f"{host!r} is no host that clients can name",
                "name each, like 'api.example.com', or '*.example.com' for all below",
            )
    if not hosts:
        raise zg.ConfigError(
            "the service has no host, so that no client could reach it",
            "name those under which clients reach it",
        )


def _check_origins(origins: tuple[str, ...], *, credentials: bool) -> None:
    if "*" in origins and credentials:
        raise zg.ConfigError(
            "the pages of every origin would act with their visitors' cookies",
            "name each origin, or switch credentials off",
        )
    for origin in origins:
        parts = urlsplit(origin)
        exact = f"{parts.scheme}://{parts.netloc}"
        if origin != "*" and (not parts.netloc or "*" in origin or origin != exact):
            raise zg.ConfigError(
                f"{origin!r} is no web origin",
                "write scheme, host and port only, like 'https://app.example.com'",
            )


def _check_proxy(proxy: str) -> None:
    try:
        network = ip_network(proxy)
    except ValueError as error:
        raise zg.ConfigError(
            f"the trusted proxy {proxy!r} is no address and no network",
            "write it like '10.0.0.7' or '10.0.0.0/24'",
        ) from error
    if not network.prefixlen:
        raise zg.ConfigError(
            f"the trusted proxy {proxy!r} is everybody, who could then be anybody",
            "write the proxy's own address",
        )


def _check_rates(rates: tuple[Rate, ...]) -> None:
    known = sorted(rate.name for rate in RATES)
    if sorted(rate.name for rate in rates) != known:
        raise zg.ConfigError(
            "not every class of routes has one rate", f"give one for each of {known}"
        )
    for rate in rates:
        if rate.requests < 1 or rate.seconds < 1:
            raise zg.ConfigError(
                f"the rate {rate.name!r} lets nobody in", "allow one request at least"
            )
