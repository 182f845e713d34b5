"""What a handler of a plug-in may ask of its caller besides the permission of its route.

Two forms, with the same effect: as a declaration, `Route(..., requires=(RequireRole("manager"),))`, and as a parameter,
`def handler(ctx: Context, who: Annotated[Caller, RequirePermission("rag.documents.read")])`. Both are asked before the
body is read, and both are seen by whoever lists what an operation needs. They only ever narrow: the permission of the
route is asked for as well. `TwoPeople` is asked last, once what was sent is known to be valid.
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


@dataclass(frozen=True, slots=True)
class TwoPeople:
    """Another person has to agree: of itself with `always`, else where the owner's `house.four_eyes` names it.

    Whoever asks first is told to wait; another person who may do the same confirms it, and the first one repeats the
    request, once and within an hour.
    """

    always: bool = False

    def check(self, caller: Caller) -> None:
        """Raise `Forbidden` for whoever can be neither of the two; that there are two is found out later."""
        if self.always and (caller.key or not caller.session):
            raise Forbidden("this asks for two people who signed in; a program or a key is none")


Requirement = RequirePermission | RequireRole | TwoPeople


def asked_by(handler: Callable[..., Any]) -> tuple[Requirement, ...]:
    """Return what the parameters of a handler ask for, in their order."""
    try:
        parameters = inspect.signature(handler, eval_str=True).parameters.values()
    except (NameError, TypeError, ValueError):
        # What cannot be read has no parameters of ours; whoever builds the route says what is wrong with it.
        return ()
    return tuple(one for parameter in parameters for one in requirements_in(parameter.annotation))


def requirements_in(annotation: Any) -> tuple[Requirement, ...]:
    """Return every requirement in `Annotated[Caller, ...]`, in its order."""
    return tuple(one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, Requirement))


def requirement_in(annotation: Any) -> Requirement | None:
    """Return the first of them, or None where there is none."""
    return next(iter(requirements_in(annotation)), None)
