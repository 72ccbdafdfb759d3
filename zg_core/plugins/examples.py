"""Read the labelled objectives that a plugin brings with an agent or a classifier."""

from __future__ import annotations

from importlib.resources import files

from .._isolation import contain, describe
from ..errors import InputError, PluginError
from ..registry import Contribution
from ..route_examples import MOST_BYTES, Example, read_examples
from ..specs import AgentSpec, ClassifierSpec
from .stdout import stdout_to_stderr

__all__ = ["examples_of", "read_file_of"]


def examples_of(offer: Contribution) -> tuple[Example, ...]:
    """Return the examples of an agent or a classifier; none if it brings none.

    An agent's are of categories it is meant for, a classifier's of its labels; and of
    the general one, for either.

    Args:
        offer: What `PluginHost.find` returned.

    Raises:
        PluginError: If its file cannot be read, or anything in it is wrong.
    """
    spec, found = offer.spec, read_file_of(offer)
    if found is None:
        return ()
    source, content = found
    labels = spec.task_types if isinstance(spec, AgentSpec) else ()
    labels = spec.labels if isinstance(spec, ClassifierSpec) else labels
    try:
        return read_examples(content, source, labels)
    except InputError as error:
        raise _broken(offer, error.cause) from error


def read_file_of(offer: Contribution) -> tuple[str, bytes] | None:
    """Return what the file of examples is called and holds; `None` if there is none.

    Args:
        offer: What `PluginHost.find` returned.

    Raises:
        PluginError: If it cannot be read.
    """
    spec = offer.spec
    if not isinstance(spec, AgentSpec | ClassifierSpec) or spec.examples is None:
        return None
    package, _, path = spec.examples.partition(":")
    content = b""
    with stdout_to_stderr(), contain() as caught:
        content = _read(package, path)
    if caught.error is not None:
        problem = f"{spec.examples} cannot be read: {describe(caught.error)}"
        raise _broken(offer, problem) from caught.error
    return spec.examples, content


def _read(package: str, path: str) -> bytes:
    with files(package).joinpath(*path.split("/")).open("rb") as file:
        return file.read(MOST_BYTES + 1)  # a byte more is refused


def _broken(offer: Contribution, problem: str) -> PluginError:
    return PluginError(
        f"the examples of the {offer.kind} {offer.qualified!r} are of no use: "
        f"{problem}",
        f"report it to the authors of {offer.plugin}",
        plugin=offer.plugin,
        name=offer.qualified,
    )
