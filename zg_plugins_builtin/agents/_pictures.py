"""Show a model the pictures among the files that a run was given."""

from __future__ import annotations

import zg_core.plugin_api as zg

__all__ = ["MOST_BYTES", "MOST_PICTURES", "pictures"]

MOST_PICTURES = 8
MOST_BYTES = 3_750_000
"""The largest file; in base64 it is 5 MB, which all vendors take."""
_KINDS = (".png", ".jpg", ".jpeg", ".gif", ".webp")


async def pictures(ctx: zg.Context, model: str | None) -> list[zg.Part]:
    """Return the pictures, each after its name; none for a model that cannot see."""
    paths = [path for path in ctx.files if path.lower().endswith(_KINDS)]
    if not paths:
        return []
    if not (await ctx.model_info(model)).images:
        await ctx.progress(f"the model cannot see {', '.join(paths)}")
        return []
    parts: list[zg.Part] = []
    for path in paths[:MOST_PICTURES]:
        content = ctx.workspace.read(path)
        if len(content) > MOST_BYTES:
            await ctx.progress(f"{path} is too large to be shown to a model")
            continue
        try:
            parts += [zg.Text(text=f"{path}:\n"), zg.Image.of(content)]
        except zg.InputError as error:
            await ctx.progress(f"{path} is not shown to a model: {error.cause}")
    if len(paths) > MOST_PICTURES:
        await ctx.progress(f"only {MOST_PICTURES} pictures are shown to a model")
    return parts
