"""What a handler of a plug-in may ask of its caller besides the permission of its route.

Two forms, with the same effect: as a declaration, `Route(..., requires=(RequireRole("manager"),))`, and as a parameter,
`def handler(ctx: Context, who: Annotated[Caller, RequirePermission("rag.documents.read")])`. Both are asked before the
body is read, and both are seen by whoever lists what an operation needs. They only ever narrow: the permission of the
route is asked for as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steersman.model.errors import Forbidden

if TYPE_CHECKING:
    from steersman.contract.ports import Caller


@dataclass(frozen=True, slots=True)
class RequirePermission:
    """The caller has this permission, which a service declares."""

    permission: str

    def check(self, caller: Caller) -> None:
        """Raise `Forbidden` for a caller who has it not."""
        caller.demand(self.permission)


@dataclass(frozen=True, slots=True)
class RequireRole:
    """The caller holds this role, by themselves or by a group. A key and a client hold none: they have scopes."""

    role: str

    def check(self, caller: Caller) -> None:
        """Raise `Forbidden` for a caller who holds it not."""
        if not caller.holds(self.role):
            raise Forbidden(f"this needs the role {self.role}")


Requirement = RequirePermission | RequireRole


def asked_by(handler: Callable[..., Any]) -> tuple[Requirement, ...]:
    """Return what the parameters of a handler ask for, in their order."""
    try:
        parameters = inspect.signature(handler, eval_str=True).parameters.values()
    except (NameError, TypeError, ValueError):
        # What cannot be read has no parameters of ours; whoever builds the route says what is wrong with it.
        return ()
    return tuple(one for parameter in parameters if (one := requirement_in(parameter.annotation)) is not None)


def requirement_in(annotation: Any) -> Requirement | None:
    """Return the requirement in `Annotated[Caller, ...]`."""
    for one in getattr(annotation, "__metadata__", ()):
        if isinstance(one, RequirePermission | RequireRole):
            return one
    return None
