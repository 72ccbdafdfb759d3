"""What the plugin offers: a name and a reference, and nothing that is slow."""

from __future__ import annotations

import zg_core.plugin_api as zg


@zg.hookimpl
def zg_register_exporters() -> list[zg.ExporterSpec]:
    """Offer the exporter; it is off until the user's configuration lists it."""
    return [
        zg.ExporterSpec(
            name="example",
            description="Appends how often what happened to a file of JSON lines.",
            factory="zg_example.exporters:make_exporter",
            signals=frozenset({"metrics"}),
        )
    ]
