"""What an import costs, before anything is used."""

from __future__ import annotations

from _measure import CommandBenchmark

_BUILTIN = "zg_plugins_builtin"

BENCHMARK = CommandBenchmark(
    name="import",
    commands={
        "python -c pass": ("-c", "pass"),
        "import zg_core": ("-c", "import zg_core"),
        "import zg_core.plugin_api": ("-c", "import zg_core.plugin_api"),
        "import zg_plugins_builtin.plugin": ("-c", f"import {_BUILTIN}.plugin"),
        "from zg_core import Engine": ("-c", "from zg_core import Engine"),
        "import pydantic, anyio": ("-c", "import pydantic, anyio"),
        "import openai": ("-c", "import openai"),
        "import anthropic": ("-c", "import anthropic"),
    },
)

if __name__ == "__main__":
    BENCHMARK.main()
