"""A page of the console over the fakes: as a caller, in a language, and as the HTML that it becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import fake_ports
from steersman.contract.ports import Caller, Context, Ports
from steersman.contract.service import Service
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.console.language import Language
from steersman.runtime.console.rendering import render
from steersman.runtime.house import House
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.settings import IdentitySettings
from steersman.services.identity.store import Administration
from steersman.services.identity.web import PERMISSIONS, TENANTED
from steersman.services.identity.web.acting import administration
from steersman.services.identity.web.page import page

OTHER = Service(name="other", help="x", permissions={"other.thing.read": "Read.", "other.thing.write": "Write."})
SELF = Service(name="identity", help="x", permissions=PERMISSIONS, tenanted=TENANTED)
_FRAME = {"title": "People", "menu": [], "path": "/people", "kept": "", "origin": "", "who": "somebody"}


@dataclass(frozen=True)
class Console:
    """What somebody with these permissions sees, and what they could do there."""

    ports: Ports
    identity: Identity

    def caller(self, role: str = "admin", tenant: str = DEFAULT_TENANT) -> Caller:
        standing = self.identity.standing
        held = standing.within(standing[role], tenant)  # type: ignore[arg-type] # a tenant as text
        return Caller(f"some-{role}", tenant, held)  # type: ignore[arg-type] # as above

    def context(self, caller: Caller | None = None, **query: str) -> Context:
        return Context(caller or self.caller(), self.ports, None, query=query)

    def acting(self, caller: Caller | None = None, elsewhere: str = "") -> Administration:
        return administration(self.context(caller), elsewhere)

    def values(self, caller: Caller | None = None, **query: str) -> dict[str, Any]:
        return dict(page(self.context(caller, **query)))

    def html(self, caller: Caller | None = None, language: Language = Language.ENGLISH, **query: str) -> str:
        values = {**_FRAME, **self.values(caller, **query)}
        return render("steersman.services.identity.web.page", "people.html", language, values)


@pytest.fixture
def console(tmp_path: Path) -> Console:
    ports = fake_ports(tmp_path)
    identity = Identity.open(ports, [OTHER, SELF], IdentitySettings())
    provided: dict[type, Any] = {Identity: identity}
    ports = replace(ports, provided=provided)
    provided[House] = House([OTHER, SELF], ports, provided)
    return Console(ports, identity)


@pytest.fixture
def statements(console: Console) -> Callable[[], int]:
    """Tell how many statements the database has been given so far."""
    from sqlalchemy import event

    count = 0

    def counted(*_given: Any) -> None:
        nonlocal count
        count += 1

    event.listen(console.ports.database.engine, "before_cursor_execute", counted)  # type: ignore[attr-defined] # a fake's
    return lambda: count
