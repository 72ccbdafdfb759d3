"""What a step wants of a model, turned into a request a provider can send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import cast

from .._choice import parse_chain, resolve_model
from .._json import JsonObject
from .._prices import Rates, stated_rates
from .._schema import parameters_of
from .._wire_names import wire_names
from ..errors import ProviderRequestError
from ..messages import Image, Message, ToolCall
from ..models import ModelInfo, Request, Response, ToolDefinition
from ..plugins import PluginHost
from ..providers import Provider
from ..specs import ProviderSpec, ToolSpec

__all__ = ["Ask", "Link", "Names", "links", "offer_tools", "shown", "sighted"]

_NO_PRICES: Mapping[str, Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a step wants of a model; see `Context.complete`."""

    messages: tuple[Message, ...]
    tools: tuple[str, ...] = ()
    model: str | None = None
    output_schema: JsonObject | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One model of a chain.

    Attributes:
        name: ``"provider:model"``, as the user writes it.
        offer: Qualified name of the provider.
        model: The model's name, as its provider knows it.
        free: Whether its calls cost nothing.
        stated: What the user says that they cost, if anything.
    """

    name: str
    offer: str
    model: str
    free: bool
    provider: Provider
    stated: Rates | None = None

    @property
    def info(self) -> ModelInfo:
        """What the model can do."""
        return self.provider.info(self.model)


def links(
    chain: str, host: PluginHost, prices: Mapping[str, Mapping[str, float]] = _NO_PRICES
) -> tuple[Link, ...]:
    """Return the models of ``"provider:model, provider:model"``, in order.

    Args:
        chain: The models.
        host: Where their providers are found.
        prices: What the user says that models cost, by name.

    Raises:
        ConfigError: If a link is not of that form.
        UnknownNameError: If no plugin offers a provider of that name.
        PluginError: If a provider cannot be made.
    """
    return tuple(_link(text, host, prices) for text in parse_chain(chain, host))


def _link(
    text: str, host: PluginHost, prices: Mapping[str, Mapping[str, float]]
) -> Link:
    contribution, model = resolve_model(text, host)
    spec = contribution.spec
    assert isinstance(spec, ProviderSpec)
    provider = cast(Provider, host.make(contribution))
    return Link(
        name=text,
        offer=contribution.qualified,
        model=model,
        free=spec.free,
        provider=provider,
        stated=stated_rates(prices[text]) if text in prices else None,
    )


def sighted(chain: tuple[Link, ...], request: Request) -> tuple[Link, ...]:
    """Return the models of a chain that can be shown what a request shows.

    Raises:
        ProviderRequestError: If it shows an image, and none of them can see.
    """
    if not any(
        isinstance(part, Image) for said in request.messages for part in said.parts
    ):
        return chain
    able = tuple(link for link in chain if link.info.images)
    if not able:
        names = ", ".join(link.name for link in chain)
        raise ProviderRequestError(
            f"{names} cannot be shown images",
            "name a model that can see, or leave the images out",
        )
    return able


class Names:
    """The tools of one request: as steps and journal know them, and on the wire."""

    def __init__(self, qualified: tuple[str, ...]) -> None:
        self._wire = wire_names(qualified)
        self._back = {wire: name for name, wire in self._wire.items()}

    def outgoing(self, message: Message) -> Message:
        """Return a message with wire names in its tool calls."""
        return _renamed(message, self._wire)

    def incoming(self, response: Response) -> Response:
        """Return an answer with qualified names in its tool calls.

        A name that was not offered stays what it is, but can never look qualified.
        """
        message = _renamed(response.message, self._back)
        if message is response.message:
            return response
        return replace(response, message=message)

    def wire(self, qualified: str) -> str:
        """Return a tool's wire name."""
        return self._wire[qualified]


def _renamed(message: Message, names: dict[str, str]) -> Message:
    if not any(isinstance(part, ToolCall) for part in message.parts):
        return message
    parts = (
        replace(part, name=names.get(part.name) or part.name.replace(":", "_"))
        if isinstance(part, ToolCall)
        else part
        for part in message.parts
    )
    return replace(message, parts=tuple(parts))


def offer_tools(
    names: tuple[str, ...], host: PluginHost, *, plugin: str
) -> tuple[Names, tuple[ToolDefinition, ...]]:
    """Return tools as a model is shown them.

    Args:
        names: What the agent calls them.
        host: Where they are found.
        plugin: The agent's plugin, whose own tools a short name means first.
    """
    offers = [host.find("tool", name, prefer=plugin) for name in names]
    found = {offer.qualified: offer.spec for offer in offers}
    given = Names(tuple(found))
    return given, tuple(
        ToolDefinition(
            name=given.wire(name),
            description=spec.description,
            parameters=parameters_of(spec),
        )
        for name, spec in found.items()
        if isinstance(spec, ToolSpec)
    )


def shown(ask: Ask, names: Names, tools: tuple[ToolDefinition, ...]) -> Request:
    """Return the request of an ask, its model left open."""
    return Request(
        model="",
        messages=tuple(map(names.outgoing, ask.messages)),
        tools=tools,
        output_schema=ask.output_schema,
        max_output_tokens=ask.max_output_tokens,
        temperature=ask.temperature,
    )
