"""What an operator decides about accounts: letters, registration, and logins."""

from __future__ import annotations

from typing import Any

import zg_core as zg

from .identity import ROLES, Registration
from .identity.providers import OAuthProvider, github, google
from .mail import MailSettings
from .setting_values import TABLE, checked

__all__ = ["check_accounts", "read_mail", "read_providers", "read_registration"]

_MAIL = ("server", "sender", "security", "user")
_RESTS = frozenset({"viewer", "member"})
"""What somebody may become whom nobody invited."""


def read_mail(section: zg.Settings, table: str) -> MailSettings | None:
    """Return which mail server takes letters; `None` if there is none.

    Args:
        section: The table ``mail`` of the settings.
        table: What the table of the settings is called.

    Raises:
        ConfigError: If something in it is unknown, or cannot be so.
    """
    if not section:
        return None
    _check_known(section, (*_MAIL, "port", "password"), f"{table}.mail")
    values: dict[str, Any] = {name: section[name] for name in _MAIL if name in section}
    port = section.get("port")
    right = all(isinstance(value, str) and value for value in values.values())
    if not right or not {"server", "sender"} <= values.keys():
        raise zg.ConfigError(
            f"[{table}.mail] does not say which server takes letters, and from whom",
            "set server and sender, each as text",
        )
    if port is not None and not (type(port) is int and 0 < port < 65536):
        raise zg.ConfigError(
            f"port in [{table}.mail] must be the number of a port",
            "correct it, or remove it",
        )
    if "user" in values:
        values["password"] = section.secret("password", env="ZG_MAIL_PASSWORD")
    return MailSettings(port=port, **values)


def read_registration(section: zg.Settings, table: str) -> Registration | None:
    """Return who may become a user by themselves; `None` if nobody may.

    Args:
        section: The table ``registration`` of the settings.
        table: What the table of the settings is called.

    Raises:
        ConfigError: If something in it is unknown, or cannot be so.
    """
    if not section:
        return None
    _check_known(section, ("domains", "role"), f"{table}.registration")
    domains, role = section.get("domains"), section.get("role", "member")
    named = isinstance(domains, list | tuple) and all(
        isinstance(domain, str) and domain for domain in domains
    )
    if not named or not domains:
        raise zg.ConfigError(
            f"[{table}.registration] does not say who may register",
            "set domains to those of their addresses; ['*'] is anybody",
        )
    if role not in _RESTS or role not in ROLES:
        raise zg.ConfigError(
            f"nobody becomes {role!r} by themselves",
            f"set role in [{table}.registration] to one of {', '.join(sorted(_RESTS))}",
        )
    folded = frozenset(str(domain).casefold() for domain in domains)
    return Registration(domains=folded, role=role)


def read_providers(section: zg.Settings) -> tuple[OAuthProvider, ...]:
    """Return the services by which people may log in.

    Args:
        section: The table ``oauth`` of the settings.

    Raises:
        ConfigError: If something in it is unknown, or cannot be so.
    """
    return tuple(_provider(name, section.section(name)) for name in section)


def _provider(name: str, section: zg.Settings) -> OAuthProvider:
    if unknown := set(section) - {"client_id", "client_secret", "issuer"}:
        raise zg.ConfigError(
            f"there is no setting {min(unknown)!r} in [{TABLE}.oauth.{name}]",
            "there are client_id, client_secret and issuer",
        )
    client_id = checked(section, "client_id", str) or ""
    variable = f"ZG_OAUTH_{name.upper().replace('-', '_')}_SECRET"
    secret = section.secret("client_secret", env=variable)
    issuer = checked(section, "issuer", str)
    if issuer is not None:
        return OAuthProvider(name, issuer, client_id, secret)
    makers = {"google": google, "github": github}
    if name not in makers:
        raise zg.ConfigError(
            f"nobody knows the issuer of the provider {name!r}",
            f"set issuer in [{TABLE}.oauth.{name}] to its address",
        )
    return makers[name](client_id, secret)


def check_accounts(
    mail: MailSettings | None, registration: Registration | None, table: str
) -> None:
    """Refuse to let people register whom nobody could write to.

    Raises:
        ConfigError: If that is so.
    """
    if registration is not None and mail is None:
        raise zg.ConfigError(
            "people who register would have to be written to, and no mail server is "
            "set up",
            f"set server and sender in [{table}.mail]",
        )


def _check_known(section: zg.Settings, known: tuple[str, ...], table: str) -> None:
    for name in section:
        if name not in known:
            raise zg.ConfigError(
                f"there is no setting {name!r} in [{table}]",
                f"there are {', '.join(sorted(known))}",
            )
