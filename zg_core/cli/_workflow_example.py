"""Write a workflow to begin with."""

from __future__ import annotations

from pathlib import Path

from zg_core._names import is_name
from zg_core.errors import InputError

from ._output import Output

__all__ = ["write_example"]

_EXAMPLE = '''\
# A workflow: its steps, and what each of them needs.
#
#   zg workflows show NAME.toml       the steps, in words
#   zg workflows check NAME.toml      whether all is right with it
#   zg run --workflow NAME.toml "A price list for a bakery"

name = "NAME"
description = "Plans, builds and draws; what is not good is done again."

[[steps]]
name = "plan"
agent = "architect"     # `zg agents` lists them
timeout_seconds = 600

# Steps whose needs have ended run at once: here build and draw. In a prompt {input} is
# the objective, and {plan} what the step of that name gave. Of the step below, which
# comes later and sends this one back, it is what it gave in the round before.
[[steps]]
name = "build"
agent = "engineer"
needs = ["plan"]
prompt = """
Build this: {input}

The plan for it:

{plan}

What had to be changed of it, if anything:

{review}
"""

# A step without a prompt gets the objective and all that it needs.
[[steps]]
name = "draw"
agent = "designer"
needs = ["plan"]
on_error = "skip"       # or "fail", which ends the run, or "fallback"

# A loop: build and review are done until the expression holds, three times at most.
# Expressions are JMESPath (https://jmespath.org).
[[steps]]
name = "review"
agent = "assistant"
needs = ["build"]
prompt = """
Somebody was asked for this: {input}

What came of it:

{build}

Approve it if it is good enough, and say what has to be changed if it is not.
"""

[steps.repeat]
until = "output.approved"
back_to = "build"
rounds = 3

[steps.output_schema]   # JSON Schema, so that the expression finds what it asks for
type = "object"
required = ["approved", "remarks"]
additionalProperties = false

[steps.output_schema.properties]
approved = {type = "boolean"}
remarks = {type = "string"}

[[steps]]
name = "ship"
agent = "operator"
needs = ["build", "review", "draw"]

[steps.limits]          # also usd, tokens and seconds: the most that it may spend
calls = 20
'''


def write_example(output: Output, name: str) -> None:
    """Write the file NAME.toml into the current folder.

    Raises:
        InputError: If it is there already, cannot be written, or *name* is no name.
    """
    if not is_name(name):
        raise InputError(
            f"a workflow cannot be called {name!r}",
            "use a lower-case letter, then letters, digits, '-' and '_'",
        )
    file = f"{name}.toml"
    try:
        with Path(file).open("x", encoding="utf-8") as opened:
            opened.write(_EXAMPLE.replace("NAME", name))
    except FileExistsError as error:
        raise InputError(
            f"there is a file {file} already", "choose another name", file=file
        ) from error
    except OSError as error:
        raise InputError(
            f"{file} cannot be written: {error.strerror}",
            "go to a folder where you may write",
            file=file,
        ) from error
    output.document({"schema": 1, "name": name, "file": file})
    output.say(f"wrote {file}; do it with:")
    output.say(f'  zg run --workflow {file} "A price list for a bakery"')
