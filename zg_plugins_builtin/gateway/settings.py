"""What an operator decides about the service, and what is refused as it stands."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import zg_core as zg

from .account_settings import (
    check_accounts,
    read_mail,
    read_providers,
    read_registration,
)
from .egress.targets import EgressPolicy
from .http.rates import RATES, Rate
from .http.settings import LOOPBACK, CompletionSettings, HttpSettings
from .identity import Registration
from .identity.providers import OAuthProvider
from .jobs.settings import JobSettings
from .limits import SpendSettings
from .mail import MailSettings
from .part_settings import (
    read_completions,
    read_connections,
    read_jobs,
    read_rates,
    read_spending,
)
from .protocol import ConnectionLimits
from .server import ServerSettings
from .setting_checks import check_public, check_secrets, is_loopback
from .setting_values import TABLE, checked, names

__all__ = ["TABLE", "GatewaySettings", "read_settings"]

_SHUTDOWN_SECONDS = 15
"""What is being answered has as long; the rest of 20 s is for what runs beside."""
_TEXTS = ("database", "journal", "public_url", "host", "folder", "admin_email")
_FILES = ("certificate", "private_key")
_LISTS = ("hosts", "origins", "trusted_proxies")
_NUMBERS = ("port", "workers", "metrics_port")
_FLAGS = ("openapi", "works")
_TABLES = (
    *("budgets", "completions", "connections", "jobs", "mail", "oauth", "rates"),
    "registration",
)
_BESIDE = 20
"""How many jobs a process does that answers requests, where others do jobs too."""
_LEASE_SECONDS = 5
"""How long the owner of a run lives without saying so, where others may take over."""
_KNOWN = {*_TEXTS, *_FILES, *_LISTS, *_NUMBERS, *_FLAGS, *_TABLES}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """What an operator decides about the service.

    Args:
        folder: Where its keys are, and the database unless another is named.
        database: Where everything is kept that is not a run, as `Database.open`
            takes it; a file in the folder if it is not said.
        journal: The address of the journal, where the database is on a server; it is
            in the same if that is not said.
        public_url: The address under which clients reach it; where it listens if it
            is not said.
        host: The address to listen on.
        port: The port; 0 is any that is free.
        workers: How many processes answer requests.
        works: Whether those do jobs as well, where the database is on a server.
        hosts: Further names under which clients reach it.
        origins: The web origins whose pages may read answers.
        trusted_proxies: Proxies that are believed when they say who the client is.
        certificate: The file of the certificate; without one it speaks no TLS.
        private_key: The file of its key.
        admin_email: The first administrator, who gets a password; without it the
            first credential is an API key.
        openapi: Whether ``/openapi.json`` is served.
        rates: How often a principal may ask, by class of route.
        jobs: How many jobs are done at once, and how many may wait.
        completions: For how long those of OpenAI's clients wait.
        spending: What may be spent by whom nobody set anything else for.
        connections: How many connections one address may have, and begin.
        metrics_port: Where metrics are served, on this machine only; each worker has
            the first one from there on that is free.
        providers: The services by which people may log in.
        mail: Which mail server takes letters to people; without one nobody is written
            to.
        registration: Who may become a user by themselves; nobody if it is not said.
        dev: Whether it is for the first minute only: nothing is kept, and callback
            URLs may lead to this machine.

    Raises:
        ConfigError: If they are no protection as they stand.
    """

    folder: Path
    database: str | None = None
    journal: str | None = None
    public_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    works: bool = True
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    certificate: str | None = None
    private_key: str | None = None
    admin_email: str | None = None
    openapi: bool = False
    rates: tuple[Rate, ...] = RATES
    jobs: JobSettings = field(default_factory=JobSettings)
    completions: CompletionSettings = field(default_factory=CompletionSettings)
    spending: SpendSettings = field(default_factory=SpendSettings)
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    metrics_port: int | None = None
    providers: tuple[OAuthProvider, ...] = field(default=(), repr=False)
    mail: MailSettings | None = None
    registration: Registration | None = None
    dev: bool = False

    def __post_init__(self) -> None:
        if self.dev and not is_loopback(self.host):
            raise zg.ConfigError(
                f"--dev listens on this machine only, and not on {self.host!r}",
                "leave --host out, or --dev",
            )
        if bool(self.certificate) != bool(self.private_key):
            raise zg.ConfigError(
                "a certificate takes its private key, and the other way round",
                "set both, or none of them",
            )
        check_public(self.public_url)
        self._check_encrypted()
        if self.providers and self.public_url is None:
            raise zg.ConfigError(
                "browsers that log in elsewhere would not know where to come back to",
                f"set public_url in [{TABLE}]",
            )
        self._check_shared()
        if self.workers > 1 and not self.shared:
            raise zg.ConfigError(
                f"{self.workers} workers cannot share a database in one file well",
                "use PostgreSQL: database = 'postgresql://user@host/name'",
            )
        check_accounts(self.mail, self.registration, TABLE)
        check_secrets(self.providers, self.database)
        _ = self.http  # whose own checks are made now

    def _check_encrypted(self) -> None:
        encrypted = self.certificate or (self.public_url or "").startswith("https://")
        if not is_loopback(self.host) and not encrypted:
            raise zg.ConfigError(
                f"on {self.host!r} passwords and keys would cross the network in the "
                "clear: neither a certificate nor an https address is set",
                f"set certificate and private_key in [{TABLE}], or public_url where "
                "a proxy speaks TLS",
            )

    def _check_shared(self) -> None:
        if self.journal is not None and not self.shared:
            raise zg.ConfigError(
                "the journal of a service whose database is a file is the configured",
                f"set journal outside of [{TABLE}], or a database on PostgreSQL",
            )
        if self.journal is not None and not self.journal.startswith("postgres"):
            raise zg.ConfigError(
                f"{self.journal!r} is no journal that many processes share",
                f"set journal in [{TABLE}] to postgresql://user@host/name, or leave "
                "it out: it is in the database then",
            )
        if not self.works and not self.shared:
            raise zg.ConfigError(
                "nobody would do the jobs: other processes do them on PostgreSQL only",
                "leave --no-jobs out, or use a database on PostgreSQL",
            )

    @property
    def shared(self) -> bool:
        """Whether many processes share the database, and do the jobs together."""
        return (self.database or "").startswith("postgres")

    @property
    def journal_address(self) -> str | None:
        """Where runs are kept; `None` is where it is configured for all of ZeroGravity.

        Whoever owns a run and dies is found dead soon, unless the address says when.
        """
        if not self.shared:
            return None
        given = self.journal or self.database or ""
        scheme, _, rest = given.partition(":")
        if "lease_seconds=" not in rest:
            rest += f"{'&' if '?' in rest else '?'}lease_seconds={_LEASE_SECONDS}"
        return f"{scheme.partition('+')[0]}:{rest}"

    @property
    def slots(self) -> int:
        """How many jobs a process does at once that answers requests."""
        return self.jobs.running if self.works else 0

    @property
    def address(self) -> str:
        """The address of the service as clients know it, without a slash at its end."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        scheme = "https" if self.certificate else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"

    @property
    def database_url(self) -> str | Path:
        """Where everything is kept that is not a run."""
        if self.database is None:
            return self.folder / "gateway.db"
        path = self.database.removeprefix("sqlite:///")
        return self.database if "://" in path else Path(path).expanduser()

    @property
    def http(self) -> HttpSettings:
        """What the application is told of it."""
        named = urlsplit(self.address).hostname or self.host
        hosts = dict.fromkeys((*self.hosts, named, *LOOPBACK))
        return HttpSettings(
            hosts=tuple(hosts),
            origins=self.origins,
            trusted_proxies=self.trusted_proxies,
            openapi=self.openapi or self.dev,
            rates=self.rates,
            completions=self.completions,
        )

    @property
    def server(self) -> ServerSettings:
        """What the server is told of it."""
        return ServerSettings(
            host=self.host,
            port=self.port,
            connections=self.connections,
            shutdown_seconds=_SHUTDOWN_SECONDS,
            certificate=self.certificate,
            private_key=self.private_key,
        )

    @property
    def egress(self) -> EgressPolicy:
        """What the service may call."""
        return EgressPolicy(insecure_loopback=self.dev, literals=self.dev)


def read_settings(
    section: zg.Settings, default_folder: Path, **told: Any
) -> GatewaySettings:
    """Return what the configuration and the command's options say.

    Args:
        section: The table ``gateway`` of the built-in plugin.
        default_folder: Where keys and the database are if nothing else is said.
        **told: What goes before the section, where it is not `None`.

    Raises:
        ConfigError: If something in it is unknown, or cannot be so.
    """
    for name in section:
        if name not in _KNOWN:
            raise zg.ConfigError(
                f"there is no setting {name!r} in [{TABLE}]",
                f"there are {', '.join(sorted(_KNOWN))}",
            )
    values: dict[str, Any] = {n: checked(section, n, str) for n in (*_TEXTS, *_FILES)}
    values |= {n: checked(section, n, int) for n in _NUMBERS}
    values |= {n: checked(section, n, bool) for n in _FLAGS}
    values |= {n: names(section, n) for n in _LISTS}
    values["database"] = os.environ.get("ZG_GATEWAY_DATABASE") or values["database"]
    values["rates"] = read_rates(section.section("rates"))
    values["jobs"] = read_jobs(section.section("jobs"))
    values["completions"] = read_completions(section.section("completions"))
    values["spending"] = read_spending(section.section("budgets"))
    values["connections"] = read_connections(section.section("connections"))
    values["providers"] = read_providers(section.section("oauth"))
    values["mail"] = read_mail(section.section("mail"), TABLE)
    registration = section.section("registration")
    values["registration"] = read_registration(registration, TABLE)
    values |= {name: value for name, value in told.items() if value is not None}
    given = {name: value for name, value in values.items() if value is not None}
    given["folder"] = Path(given.get("folder", default_folder)).expanduser()
    read = GatewaySettings(**given)
    if read.shared and "running" not in section.section("jobs"):
        return replace(read, jobs=replace(read.jobs, running=_BESIDE))
    return read
