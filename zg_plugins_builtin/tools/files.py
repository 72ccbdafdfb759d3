"""Tools for the files of a run: look, read, write, and nothing outside them."""

from __future__ import annotations

import zg_core.plugin_api as zg

__all__ = ["TOOLS", "list_files", "read_file", "write_file"]

_MOST_PATHS = 500
_MOST_CHARACTERS = 20_000
_FILES = frozenset({"files"})


@zg.tool(effect="read", capabilities=_FILES)
def list_files(ctx: zg.Context, folder: str = "") -> list[str]:
    """List the files of this run.

    Args:
        ctx: Where the files are; the model does not see this one.
        folder: Only what is below this folder, such as 'docs'; empty is all.
    """
    paths = ctx.workspace.list(folder)
    shown = list(paths[:_MOST_PATHS])
    if len(paths) > len(shown):
        shown.append(f"({len(paths) - len(shown):,} more; list a folder of them)")
    return shown


@zg.tool(effect="read", capabilities=_FILES)
def read_file(ctx: zg.Context, path: str, start: int = 0) -> str:
    """Read a text file of this run, at most 20,000 characters at a time.

    Args:
        ctx: Where the files are; the model does not see this one.
        path: The file, such as 'docs/plan.md'.
        start: How many characters to pass over first.
    """
    try:
        text = ctx.workspace.read(path).decode()
    except UnicodeDecodeError as error:
        raise zg.Retry(f"{path!r} is no text, so it cannot be read") from error
    start = max(0, start)
    end = start + _MOST_CHARACTERS
    if len(text) <= end:
        return text[start:]
    return f"{text[start:end]}\n({len(text) - end:,} more; go on with start={end})"


@zg.tool(effect="idempotent", capabilities=_FILES)
async def write_file(ctx: zg.Context, path: str, content: str) -> str:
    """Write a whole text file of this run; an existing one is replaced.

    Args:
        ctx: Where the files are; the model does not see this one.
        path: The file, such as 'site/index.html'; its folders are made.
        content: All that it is to hold.
    """
    await ctx.write_artifact(path, content)
    return f"{path} has {len(content.encode()):,} bytes"


TOOLS = (list_files, read_file, write_file)
