"""Tools of which each but the first breaks the contract in one way."""

import math
import socket
import subprocess
import tempfile

import anyio

import zg_core.plugin_api as zg


@zg.tool
async def sound(text: str, times: int = 1) -> str:
    """Repeat a text, at most ten times.

    Args:
        text: The text.
        times: How often.
    """
    if not 0 <= times <= 10:
        raise zg.Retry("times must be from 0 to 10")
    await anyio.sleep(0)
    return text * times


@zg.tool
def breaks(text: str) -> str:
    """Give the first letter."""
    return text[0]


@zg.tool
def gives_no_json(text: str) -> set[str]:
    """Give the letters."""
    return set(text)


@zg.tool
def gives_no_number(text: str) -> float:
    """Give a number that is none."""
    return math.nan


@zg.tool
def gives_too_much(text: str) -> str:
    """Give what no model can read."""
    return "x" * 2_000_000


@zg.tool
async def ignores_cancellation(text: str) -> str:
    """Go on and on, now and then."""
    try:
        await anyio.sleep(0.3 if text == "" else 0)
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True):
            await anyio.sleep(4)
        raise
    return text


LAST = ""


@zg.tool
async def shares_state(text: str) -> str:
    """Give the text back, or another one."""
    global LAST
    LAST = text
    await anyio.sleep(0.005)
    return LAST


@zg.tool
def reaches_the_network(text: str) -> str:
    """Ask somebody else."""
    try:
        socket.create_connection(("127.0.0.1", 9), 1).close()
    except OSError:
        return "offline"
    return "reached"


@zg.tool(effect="read")
def writes_files(text: str) -> str:
    """Only look, it says."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("x")
    return text


@zg.tool
def starts_processes(text: str) -> str:
    """Have somebody else do it."""
    subprocess.run(["true"], check=False)
    return text


@zg.tool
def undescribed(text: str) -> str:
    return text


class ChangesArguments:
    async def call(self, arguments, ctx):
        return arguments.pop("text", "")


class TakesAnything:
    async def call(self, arguments, ctx):
        return "done"


class NeedsWhatItDoesNotSay:
    async def call(self, arguments, ctx):
        return arguments["text"]


def _made(name, kind, *, needed=("text",), further=False):
    return zg.ToolSpec(
        name=name,
        description="Broken.",
        factory=f"{__name__}:{kind.__name__}",
        parameters={
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "required": list(needed),
            **({} if further else {"additionalProperties": False}),
        },
    )


@zg.hookimpl
def zg_register_tools():
    return [
        *(sound, breaks, gives_no_json, gives_no_number, gives_too_much),
        *(ignores_cancellation, shares_state, reaches_the_network, writes_files),
        *(starts_processes, undescribed),
        _made("changes_arguments", ChangesArguments),
        _made("takes_anything", TakesAnything, further=True),
        _made("needs_what_it_does_not_say", NeedsWhatItDoesNotSay, needed=()),
    ]
