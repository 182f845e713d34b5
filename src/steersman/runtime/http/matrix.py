"""The authorisation matrix: what each kind of caller gets at each operation.

Nothing is listed by hand. The operations are those of the OpenAPI document and whatever else is served beside it; what
each asks is read off the route that serves it, and decided by the code that decides for a request. It makes no request
and reads no accounts: whom a role or a key reaches is a matter of objects, which this does not tell.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from typing import Any

from fastapi import FastAPI

from steersman.contract.ports import Caller
from steersman.contract.requirements import TwoPeople
from steersman.contract.service import Service
from steersman.model.errors import Forbidden
from steersman.model.ids import Tenant
from steersman.runtime.http.control import METRICS, STATUS
from steersman.runtime.http.front import OPEN, Front
from steersman.runtime.http.handlers import Asks
from steersman.runtime.http.openapi import document
from steersman.runtime.identity.localkey import OPERATOR
from steersman.runtime.identity.roles import Standing, narrowed, standing_roles

_HOUSE = {"/metrics": METRICS, "/openapi.json": STATUS}
#: What a program may ask about itself; the rest is about a person's own sign-ins.
_OF_PROGRAMS = frozenset({"/auth/me", "/account"})
_ELSEWHERE = Tenant("another")


class Outcome(StrEnum):
    """What a caller of a kind gets; the reach of their permission is another question."""

    OPEN = "open"
    SIGN_IN = "sign in first"
    OWN = "about oneself"
    ALLOWED = "allowed"
    TWO_PEOPLE = "with a second person"
    REFUSED = "refused"


_SIGNS = {
    Outcome.OPEN: "o",
    Outcome.SIGN_IN: "?",
    Outcome.OWN: "s",
    Outcome.ALLOWED: "+",
    Outcome.TWO_PEOPLE: "2",
    Outcome.REFUSED: "-",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one address. `asks` is None for what anybody may ask about themselves, and for what is open."""

    method: str
    path: str
    asks: Asks | None = None
    is_open: bool = False
    four_eyes: str = ""


Matrix = Sequence[tuple[Operation, Mapping[str, Outcome]]]


def operations(app: FastAPI, services: Sequence[Service]) -> list[Operation]:
    """Return all that is served, by address."""
    described = document(app, services)["paths"]
    asked = {**dict(_asked_in_routes(app)), **dict(_asked_elsewhere(services))}
    served = {(method.upper(), path) for path, found in described.items() for method in found}
    served |= {(method, path) for path, methods in _methods(app) for method in methods if method != "HEAD"}
    return [
        Operation(
            method,
            path,
            asked.get((method, path)),
            is_open=path in OPEN,
            four_eyes=described.get(path, {}).get(method.lower(), {}).get("x-four-eyes", ""),
        )
        for method, path in sorted(served, key=lambda one: (one[1], one[0]))
    ]


def callers(services: Sequence[Service]) -> dict[str, Caller | None]:
    """Return one caller of each kind, with what such a one holds; None is whoever is not let in."""
    standing = standing_roles(services)
    people = {role: _person(standing, role) for role in reversed(list(standing))}
    admin = people["admin"]
    return {
        "nobody": None,
        **people,
        "admin of a tenant": _person(standing, "admin", _ELSEWHERE),
        "key of an admin": Caller("a key", permissions=narrowed(admin.permissions, ["*"]), account="a", key="k"),
        "key without scope": Caller("a key", permissions=narrowed(admin.permissions, []), account="a", key="k"),
        "operator's key": OPERATOR,
    }


def outcome(operation: Operation, caller: Caller | None) -> Outcome:
    """Tell what somebody gets, as a request of theirs would."""
    if operation.is_open:
        return Outcome.OPEN
    if caller is None:
        return Outcome.SIGN_IN
    if operation.asks is None:
        signed_in = bool(caller.session) and not caller.key
        return Outcome.OWN if signed_in or operation.path in _OF_PROGRAMS else Outcome.REFUSED
    two_people = TwoPeople(always=operation.four_eyes == "asked")
    try:
        operation.asks.admit(caller)
        two_people.check(caller)
    except Forbidden:
        return Outcome.REFUSED
    return Outcome.TWO_PEOPLE if two_people.always else Outcome.ALLOWED


def matrix(front: Front, services: Sequence[Service]) -> Matrix:
    """Return every operation with what each kind of caller gets there."""
    app, kinds = front.inner, callers(services)
    if not isinstance(app, FastAPI):
        raise TypeError("behind this front is no application whose routes could be read")
    return [(one, {kind: outcome(one, caller) for kind, caller in kinds.items()}) for one in operations(app, services)]


def as_records(rows: Matrix) -> list[dict[str, str]]:
    """Return each operation with what it asks and what every kind of caller gets, in words."""
    return [
        {
            "method": one.method,
            "path": one.path,
            "permission": one.asks.permission if one.asks else "",
            "four_eyes": one.four_eyes,
            **{kind: found.value for kind, found in outcomes.items()},
        }
        for one, outcomes in rows
    ]


def as_csv(rows: Matrix) -> str:
    """Return the same as CSV (RFC 4180) with a head."""
    records, written = as_records(rows), StringIO()
    writer = csv.DictWriter(written, list(records[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(records)
    return written.getvalue()


def as_text(rows: Matrix) -> str:
    """Return the same as a table with one sign for each outcome, and what the signs mean."""
    kinds = list(rows[0][1])
    lines = [f"{sign}  {found.value}" for found, sign in _SIGNS.items()]
    lines += ["", *(f"{'|' * number}{'+'}-- {kind}" for number, kind in enumerate(kinds))]
    for one, outcomes in rows:
        signs = "".join(_SIGNS[outcomes[kind]] for kind in kinds)
        lines.append(f"{signs}  {one.method:<6} {one.path}  {one.asks.permission if one.asks else ''}".rstrip())
    return "\n".join(lines)


def _person(standing: Standing, role: str, tenant: Tenant | None = None) -> Caller:
    plain = Caller(f"a {role}", account="a", session="s", roles=frozenset({role}))
    there = tenant or plain.tenant
    held = standing.within(standing[role], there)
    return Caller(plain.subject, there, held, plain.account, plain.session, roles=plain.roles)


def _methods(app: FastAPI) -> Iterator[tuple[str, set[str]]]:
    for route in app.routes:
        methods: set[str] | None = getattr(route, "methods", None)
        if methods:
            yield getattr(route, "path", ""), methods


def _asked_in_routes(app: FastAPI) -> Iterator[tuple[tuple[str, str], Asks]]:
    for route in app.routes:
        asks: Any = getattr(route, "asks", None)
        for method in getattr(route, "methods", None) or () if asks is not None else ():
            yield (method, getattr(route, "path", "")), asks


def _asked_elsewhere(services: Sequence[Service]) -> Iterator[tuple[tuple[str, str], Asks]]:
    """Hot paths and pages ask for their permission alone, and so do the house's own endpoints."""
    for service in services:
        for raw in service.raw_routes:
            for method in raw.methods:
                yield (method, raw.path), Asks(raw.permission)
        for page in service.pages:
            yield ("GET", page.path), Asks(page.permission)
    for path, permission in _HOUSE.items():
        yield ("GET", path), Asks(permission)
