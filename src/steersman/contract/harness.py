"""What the checks of the conformance kit have in common: a running platform, its answers, and what can be called.

It drives nothing by itself. The harness is brought by whoever runs the kit, so that this imports no runtime.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from steersman.contract.ports import Context, JournalEntry
from steersman.contract.service import Action, Service


class NonConformance(AssertionError):
    """The service does not keep what its declaration promises."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; `body` is parsed JSON where it was JSON, text otherwise."""

    status: int
    body: Any


class Harness(Protocol):
    """A running platform with the service in it, made afresh for each check."""

    def call(self, method: str, path: str, permissions: frozenset[str] | None, body: Any = None) -> Answer:
        """Make one request. `permissions` are what the caller was granted; None is somebody without a key."""

    def call_in_tenant(
        self, method: str, path: str, permissions: frozenset[str], body: Any = None, *, tenant: str = "elsewhere"
    ) -> Answer:
        """Make one request as somebody of another tenant, who holds what of these permissions such people can hold.

        `*` is all that they can hold. The tenant is made when it is not there.
        """

    def context(self, service: Service) -> Context:
        """Return the context of a caller who may do everything."""

    def journal(self) -> Sequence[JournalEntry]: ...

    def load(self, target: str) -> Any:
        """Import `module:name`."""


def demand(kept: bool, otherwise: str) -> None:  # noqa: FBT001 - it reads as a sentence
    """Raise `NonConformance` with these words, unless the promise is kept."""
    if not kept:
        raise NonConformance(otherwise)


def addresses(service: Service) -> Iterator[tuple[str, str, str]]:
    """Yield method, path and permission of everything that can be called; a path parameter becomes `x`."""
    for route in service.routes:
        yield route.method, filled(route.path), route.permission
    for raw in service.raw_routes:
        for method in sorted(raw.methods):
            yield method, filled(raw.path), raw.permission
    for page in service.pages:
        yield "GET", page.path, page.permission
    for action in service.actions:
        yield "POST", action_path(service, action), action.permission
        if action.undo or action.compensate:
            yield "POST", f"{action_path(service, action)}/undo", action.permission
    for knob in service.knobs:
        for method in ("GET", "PUT"):
            yield method, f"/api/{service.name}/knobs/{knob.name}", knob.permission


def filled(path: str) -> str:
    """Return a path with `x` in the place of every parameter."""
    return "/".join("x" if part.startswith("{") else part for part in path.split("/"))


def action_path(service: Service, action: Action) -> str:
    """Return where an action is asked for."""
    return f"/api/{service.name}/actions/{action.name}"
