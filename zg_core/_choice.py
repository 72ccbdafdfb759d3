"""Say which models a run uses, and why these."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ._prices import provider_of
from .config import Config, named_by, user_file
from .errors import AmbiguousNameError, ConfigError, UnknownNameError
from .specs import Detect, ProviderSpec

if TYPE_CHECKING:
    from .plugins import PluginHost
    from .registry import Contribution

__all__ = ["check_concurrency", "choose_model", "parse_chain", "resolve_model"]

_LOCAL_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
_PROBE_SECONDS = 0.2


def choose_model(
    config: Config,
    host: PluginHost,
    argument: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> tuple[str, str]:
    """Return the models to try in order, and the reason for them.

    What was asked for goes first, then what is configured, then the first
    built-in provider that looks as if it could be used: one whose key is in the
    environment, one whose server answers on this machine, one whose extra is
    installed.

    Args:
        config: The configuration.
        host: What knows the providers.
        argument: The models asked for in this run, like ``config.model``.
        environ: The environment; the process's if `None`.

    Returns:
        A chain, ``"openai:gpt-5, local:smollm2"``, each link with its model.

    Raises:
        ConfigError: If a link is not well formed, or there is no model to be found.
        UnknownNameError: If *argument* names no provider.
    """
    if argument:
        return ", ".join(parse_chain(argument, host)), "asked for"
    if config.model:
        with named_by(config, "model"):
            chain = ", ".join(parse_chain(config.model, host))
        return chain, f"from {config.origin('model')}"
    detected = _detected(host, os.environ if environ is None else environ)
    if found := next(detected, None):
        return found
    raise _nothing_found(host)


def parse_chain(text: str, host: PluginHost) -> tuple[str, ...]:
    """Split a chain of models into links, ``"provider:model"`` each.

    A provider alone means its default model.

    Raises:
        ConfigError: If there is no link, one is empty, or one names no model of a
            provider that has no default.
        UnknownNameError: If there is no such provider.
    """
    if not text.strip():
        raise _nothing_found(host)
    links = []
    for link in map(str.strip, text.split(",")):
        if not link:
            raise ConfigError(
                f"the model setting {text!r} has an empty link",
                "write it like 'openai:gpt-5, local'",
            )
        _, model = resolve_model(link, host)
        whole = link.endswith(f":{model}")
        links.append(link if whole else f"{link.rstrip(':')}:{model}")
    return tuple(links)


def check_concurrency(config: Config, host: PluginHost) -> None:
    """See that what is configured of calls at once is of providers that there are.

    Raises:
        UnknownNameError: If one is not; `ConfigError` if that stands in a file.
    """
    for name in config.concurrency:
        with named_by(config, f"concurrency.{name}"):
            try:
                host.find("provider", name)
            except AmbiguousNameError:
                pass  # there are even two
            except UnknownNameError:
                resolve_model(name, host)


def resolve_model(link: str, host: PluginHost) -> tuple[Contribution, str]:
    """Return the provider and the model that a link of a chain means.

    The link may name the provider with its plugin, ``"zg-x:provider:model"``. A
    model's name may have colons of its own.

    Raises:
        ConfigError: If it names no model, and the provider has no default.
        UnknownNameError: If there is no such provider.
    """
    provider, model = _find(link, host)
    spec = provider.spec
    model = model or (isinstance(spec, ProviderSpec) and spec.default_model) or ""
    if not model:
        raise ConfigError(
            f"the provider {provider.spec.name!r} has no default model",
            f"name one: {link.rstrip(':')}:MODEL",
        )
    return provider, model


def _find(link: str, host: PluginHost) -> tuple[Contribution, str]:
    try:
        return _found(link, host)
    except AmbiguousNameError:
        raise
    except UnknownNameError as error:
        provider = None if ":" in link else provider_of(link)
        if provider not in {offer.name for offer in host.builtin("provider")}:
            raise
        raise UnknownNameError(
            f"{link!r} is a model, and its provider is not named",
            f"write {provider}:{link}",
            kind="provider",
            name=link,
        ) from error


def _found(link: str, host: PluginHost) -> tuple[Contribution, str]:
    head, _, rest = link.partition(":")
    if any(offer.name == head for offer in host.builtin("provider")):
        # Which no plugin of that name can take away; the user can.
        return host.find("provider", head), rest
    if rest and any(plugin.id == head for plugin in host.plugins):
        name, _, model = rest.partition(":")
        try:
            whole = host.find("provider", f"{head}:{name}")
        except UnknownNameError:
            pass
        else:
            return _only_reading(link, whole, host), model
    return host.find("provider", head), rest


def _only_reading(link: str, whole: Contribution, host: PluginHost) -> Contribution:
    """Refuse a link that a provider's short name explains as well.

    So a plugin that is called like somebody's provider takes no calls away.
    """
    other = whole
    with suppress(UnknownNameError):
        other = host.find("provider", link.partition(":")[0])
    if other.qualified == whole.qualified:
        return whole
    raise AmbiguousNameError(
        f"{link!r} may mean a model of {whole.qualified!r} or of {other.qualified!r}",
        f"write {other.qualified}:MODEL, or: zg -p no:{other.plugin} …",
        kind="provider",
        name=link,
        offers=[whole.qualified, other.qualified],
    )


def _detected(
    host: PluginHost, environ: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    specs = _builtin(host)
    for spec, detect in specs:
        if spec.default_model and (name := _variable(detect, environ)):
            yield f"{spec.name}:{spec.default_model}", f"{name} is set"
    for spec, detect in specs:
        if detect.url and (served := _served(detect.url)) is not None:
            model = spec.default_model or next(iter(served), None)
            if model:
                yield f"{spec.name}:{model}", f"a server answers at {detect.url}"
    for spec, detect in specs:
        if spec.default_model and detect.module and _installed(detect.module):
            yield f"{spec.name}:{spec.default_model}", f"{detect.module} is installed"


def _builtin(host: PluginHost) -> list[tuple[ProviderSpec, Detect]]:
    return [
        (found.spec, found.spec.detect)
        for found in host.builtin("provider")
        if isinstance(found.spec, ProviderSpec) and found.spec.detect is not None
    ]


def _variable(detect: Detect, environ: Mapping[str, str]) -> str | None:
    return next((name for name in detect.env if environ.get(name)), None)


def _installed(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None


def _served(url: str) -> list[str] | None:
    """Return the models that the server at *url* lists; `None` if none answers.

    The list is looked for where OpenAI's format has it (``data[].id``). An open
    port alone would say nothing: many things listen on port 8080.
    """
    import json
    from http.client import HTTPConnection, HTTPException

    address = urlsplit(url)
    if address.hostname not in _LOCAL_HOSTS:
        return None
    connection = HTTPConnection(
        address.hostname, address.port or 80, timeout=_PROBE_SECONDS
    )
    try:
        connection.request("GET", address.path or "/")
        answer = connection.getresponse()
        if answer.status != 200:
            return None
        body = json.loads(answer.read(1_000_000))
        return [str(model["id"]) for model in body["data"]]
    except (KeyError, TypeError):
        return []
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _nothing_found(host: PluginHost) -> ConfigError:
    specs = _builtin(host)
    if not specs:
        return ConfigError(
            "there is no model to use: no built-in provider is there",
            "reinstall zerogravity, or name a plugin's model with --model",
        )
    keys = [detect.env[0] for _, detect in specs if detect.env]
    servers = [detect.url for _, detect in specs if detect.url]
    extras = [spec.name for spec, detect in specs if detect.module]
    ways = [f"name one with --model, ZG_MODEL or model in {user_file()}"]
    ways += [f"set {' or '.join(keys)}"] if keys else []
    ways += [f"start a server at {' or '.join(servers)}"] if servers else []
    ways += [f"pip install 'zerogravity[{name}]'" for name in extras]
    return ConfigError(
        "there is no model to use: none is named, and none was found",
        "; or ".join(ways),
    )
