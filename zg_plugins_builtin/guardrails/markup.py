"""Take script out of replies that somebody may render."""

from __future__ import annotations

import zg_core.plugin_api as zg

__all__ = ["Markup"]


class Markup:
    """Takes out script, event handlers and links that run script; keeps the rest.

    Args:
        settings: ``[plugins.config.builtin.markup]``: with ``code = "clean"``
            code is cleaned as well, for pages that show replies as HTML at once.

    Raises:
        ConfigError: If ``code`` is neither ``"keep"`` nor ``"clean"``.
    """

    def __init__(self, settings: zg.Settings) -> None:
        code = settings.section("markup").get("code", "keep")
        if code not in ("keep", "clean"):
            raise zg.ConfigError(
                "code in [plugins.config.builtin.markup] must be "
                f"'keep' or 'clean', not {code!r:.60}",
                "correct it in your own configuration file, or remove it",
            )
        self._keep_code = code == "keep"

    def check(self, payload: zg.Json, ctx: zg.Inspection) -> zg.Verdict:
        """Return what may be rendered, or refuse what cannot be made so."""
        try:
            cleaned = self._cleaned(payload)
        except ValueError as error:
            return zg.Verdict(False, str(error))
        if cleaned == payload:
            return zg.Verdict(True)
        return zg.Verdict(True, "script was taken out of it", cleaned)

    def _cleaned(self, value: zg.Json) -> zg.Json:
        from ._clean import clean

        if isinstance(value, str):
            return clean(value, keep_code=self._keep_code)
        if isinstance(value, list):
            return [self._cleaned(item) for item in value]
        if isinstance(value, dict):
            if any(self._cleaned(key) != key for key in value):
                raise ValueError("a key of it holds script")
            return {key: self._cleaned(item) for key, item in value.items()}
        return value
