"""What the plugin offers: a name and a reference, and nothing that is slow."""

from __future__ import annotations

import zg_core.plugin_api as zg


@zg.hookimpl
def zg_register_classifiers() -> list[zg.ClassifierSpec]:
    """Offer the classifier; it is asked only if the configuration names it."""
    return [
        zg.ClassifierSpec(
            name="example",
            description="Goes by a few words that each category has.",
            factory="zg_example.classifiers:ExampleClassifier",
            labels=("creative", "technical"),
            examples="zg_example:objectives.jsonl",
        )
    ]
