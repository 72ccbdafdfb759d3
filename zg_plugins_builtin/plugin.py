"""What comes with ZeroGravity: names and lazy factories, and nothing that is slow."""

from __future__ import annotations

from functools import partial

import zg_core.plugin_api as zg

from . import workflows
from .providers import SPECS as PROVIDERS
from .providers.local_spec import SPEC as LOCAL
from .tools.agents import TOOLS as ASKING
from .tools.files import TOOLS

_FILES = tuple(tool.name for tool in TOOLS)
_ON_SERVICES = (
    ("run", "run", "Have a server work on an objective."),
    ("runs", "runs", "List, show and end the runs of a server."),
    ("agents", "catalogue", "List the agents of a server."),
    ("tools", "catalogue", "List the tools of a server's agents."),
)
_EXAMPLES = "zg_plugins_builtin.classifiers:objectives.jsonl"


@zg.hookimpl
def zg_register_agents() -> list[zg.AgentSpec]:
    """Offer the four default agents, and those of conversations."""
    agent = partial(zg.AgentSpec, needs_model=True)
    return [
        agent(
            name="architect",
            description="Plans: parts, steps, risks, and how to see that it is done.",
            factory="zg_plugins_builtin.agents.architect:Architect",
            task_types=("technical", "strategic", "creative", "general"),
            capabilities=("planning", "decomposition", "analysis"),
            complexity_threshold=0.5,
        ),
        agent(
            name="engineer",
            description="Makes the thing itself, in files.",
            factory="zg_plugins_builtin.agents.engineer:Engineer",
            task_types=("technical", "strategic", "general"),
            tools=_FILES,
            capabilities=("implementation", "technical design", "tool usage"),
            complexity_threshold=0.2,
        ),
        agent(
            name="designer",
            description="Designs what is seen: pages, words, look, and a mock-up.",
            factory="zg_plugins_builtin.agents.designer:Designer",
            task_types=("strategic", "creative", "general"),
            capabilities=("visualization", "UI/UX", "presentation"),
            complexity_threshold=0.2,
        ),
        agent(
            name="operator",
            description="Puts the results together, and says how to use them.",
            factory="zg_plugins_builtin.agents.operator:Operator",
            task_types=("technical", "creative", "general"),
            tools=_FILES,
            capabilities=("execution", "deployment", "result compilation"),
        ),
        agent(
            name="assistant",
            description="Talks with a user: the agent of zg chat.",
            factory="zg_plugins_builtin.agents.assistant:assistant",
            tools=_FILES,
            capabilities=("conversation",),
        ),
        agent(
            name="summarist",
            description="Sums up conversations that grow too long for a model.",
            factory="zg_plugins_builtin.agents.summarist:summarist",
            capabilities=("summaries",),
        ),
    ]


@zg.hookimpl
def zg_register_tools() -> list[zg.ToolSpec]:
    """Offer the tools for a run's files, and for asking other agents."""
    return [*TOOLS, *ASKING]


@zg.hookimpl
def zg_register_providers() -> list[zg.ProviderSpec]:
    """Offer the vendors' models, and those on this machine."""
    return [*PROVIDERS, LOCAL]


@zg.hookimpl
def zg_register_classifiers() -> list[zg.ClassifierSpec]:
    """Offer the classifiers that tell the default agents' categories apart."""
    return [
        zg.ClassifierSpec(
            name="keyword",
            description="Goes by the words of the objective.",
            factory="zg_plugins_builtin.classifiers.keyword:KeywordClassifier",
            labels=("technical", "strategic", "creative"),
            examples=_EXAMPLES,
        ),
        zg.ClassifierSpec(
            name="trained",
            description="Goes by what labelled objectives have taught it.",
            factory="zg_plugins_builtin.classifiers.trained:TrainedClassifier",
            labels=("technical", "strategic", "creative", "general"),
            examples=_EXAMPLES,
        ),
        zg.ClassifierSpec(
            name="model",
            description="Asks the run's model, which costs what it costs.",
            factory="zg_plugins_builtin.classifiers.model:ModelClassifier",
            labels=("technical", "strategic", "creative", "general"),
            examples=_EXAMPLES,
        ),
    ]


@zg.hookimpl
def zg_register_exporters() -> list[zg.ExporterSpec]:
    """Offer the numbers that Prometheus fetches."""
    return [
        zg.ExporterSpec(
            name="prometheus",
            description="Counts and times what runs do, for Prometheus to fetch.",
            factory="zg_plugins_builtin.exporters.prometheus:PrometheusExporter",
            signals=frozenset({"metrics"}),
        )
    ]


@zg.hookimpl
def zg_register_guardrails() -> list[zg.GuardrailSpec]:
    """Offer the check of what comes in, and of what is shown."""
    return [
        zg.GuardrailSpec(
            name="patterns",
            description="Refuses objectives that hold what attacks are made of.",
            factory="zg_plugins_builtin.guardrails.patterns:Patterns",
            stages=frozenset({"input"}),
            subjects=frozenset({"objective"}),
        ),
        zg.GuardrailSpec(
            name="markup",
            description="Takes script out of replies that somebody may render.",
            factory="zg_plugins_builtin.guardrails.markup:Markup",
            stages=frozenset({"output"}),
            subjects=frozenset({"reply"}),
        ),
    ]


@zg.hookimpl
def zg_register_workflows() -> list[zg.WorkflowSpec]:
    """Offer the workflows over the default agents."""
    return list(workflows.SPECS)


@zg.hookimpl
def zg_register_journals() -> list[zg.JournalSpec]:
    """Offer the journal in one file, and the one on a server."""
    return [
        zg.JournalSpec(
            name="sqlite",
            description="Keeps runs in one SQLite file.",
            factory="zg_plugins_builtin.journals.sqlite:open_journal",
        ),
        zg.JournalSpec(
            name="postgresql",
            description="Keeps runs in a PostgreSQL database, for many machines.",
            factory="zg_plugins_builtin.journals.postgres:open_journal",
        ),
        zg.JournalSpec(
            name="postgres",
            description="The same as postgresql.",
            factory="zg_plugins_builtin.journals.postgres:open_journal",
        ),
    ]


@zg.hookimpl
def zg_register_runtimes() -> list[zg.RuntimeSpec]:
    """Offer the runtime that needs nothing else, and the one for many machines."""
    return [
        zg.RuntimeSpec(
            name="detached",
            description="Has a run done by a process of its own on this machine.",
            factory="zg_plugins_builtin.runtimes.detached:DetachedRuntime",
        ),
        zg.RuntimeSpec(
            name="queue",
            description="Has a run done by any zg worker: a queue on PostgreSQL.",
            factory="zg_plugins_builtin.runtimes.queue:open_runtime",
        ),
    ]


@zg.hookimpl
def zg_register_commands() -> list[zg.CommandSpec]:
    """Offer the command for models on this machine, and those of the service."""
    return [
        zg.CommandSpec(
            name="models",
            description="List and fetch models that run on this machine.",
            factory="zg_plugins_builtin.commands.models:models",
        ),
        zg.CommandSpec(
            name="serve",
            description="Serve objectives over HTTP.",
            factory="zg_plugins_builtin.gateway.commands.serve:serve",
        ),
        zg.CommandSpec(
            name="worker",
            description="Do jobs of a service that many machines share.",
            factory="zg_plugins_builtin.gateway.commands.worker:worker",
        ),
        zg.CommandSpec(
            name="users",
            description="Add, list, disable and invite the users of the service.",
            factory="zg_plugins_builtin.gateway.commands.users:users",
        ),
        zg.CommandSpec(
            name="keys",
            description="Create, list and revoke the API keys of the service.",
            factory="zg_plugins_builtin.gateway.commands.keys:keys",
        ),
        *(
            zg.CommandSpec(
                name=name,
                description=about,
                factory=f"zg_plugins_builtin.client.commands.{module}:{name}",
                servers=("http", "https"),
            )
            for name, module, about in _ON_SERVICES
        ),
    ]
