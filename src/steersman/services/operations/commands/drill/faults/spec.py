"""What a scenario says of one thing that happens: its kind, what it strikes, when, and how hard."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from steersman.services.operations.commands.drill.mesh.plan import NAMES


def known_service(name: str) -> str:
    """Return the name of a service of the mesh; raises `ValueError` for any other."""
    if name not in NAMES:
        raise ValueError(f"there is no service {name!r}; there are {', '.join(sorted(NAMES))}")
    return name


class Happening(BaseModel):
    """One fault or harmless event. `after_seconds` counts from the injection of the scenario."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    target: Annotated[str, AfterValidator(known_service)]
    after_seconds: float = Field(default=0.0, ge=0, le=600)
    level: float | None = Field(default=None, description="How hard; each kind has a level of its own that shows.")
