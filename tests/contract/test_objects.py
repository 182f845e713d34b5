"""The part of the kit that asks for other tenants' objects: a plug-in that keeps them apart, and every way not to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import BaseModel

from steersman.contract.objects import Ask, check_objects, neighbour
from steersman.contract.ports import Context, Ports
from steersman.contract.service import Route, Service
from steersman.contract.testing import NonConformance, ObjectCase
from steersman.model.errors import Conflict, NotFound
from steersman.services.platform.manifest import SERVICE as PLATFORM

READ, WRITE = "shelf.books.read", "shelf.books.write"


class Book(BaseModel):
    id: str
    title: str = ""


@dataclass
class Shelf:
    """Books by tenant and id."""

    books: dict[tuple[str, str], Book] = field(default_factory=dict)

    def one(self, context: Context, id: str) -> Book:
        if found := self.books.get((context.caller.tenant, id)):
            return found
        raise NotFound(f"there is no book {id!r}")

    def anybody_s(self, id: str) -> Book | None:
        return next((book for (_, known), book in self.books.items() if known == id), None)


@asynccontextmanager
async def shelf(_ports: Ports) -> AsyncIterator[Shelf]:
    yield Shelf()


def add(ctx: Context, body: Book) -> Book:
    ctx.state.books[ctx.caller.tenant, body.id] = body
    return body


def listed(ctx: Context) -> list[Book]:
    return [book for (tenant, _), book in ctx.state.books.items() if tenant == ctx.caller.tenant]


def one(ctx: Context, id: str) -> Book:
    found: Book = ctx.state.one(ctx, id)
    return found


def rename(ctx: Context, id: str, body: Book) -> Book:
    found = one(ctx, id)
    found.title = body.title
    return found


def remove(ctx: Context, id: str) -> dict[str, str]:
    one(ctx, id)
    del ctx.state.books[ctx.caller.tenant, id]
    return {"removed": id}


def everybody_s(ctx: Context) -> list[Book]:
    return list(ctx.state.books.values())


def of_anybody(ctx: Context, id: str) -> Book:
    return ctx.state.anybody_s(id) or one(ctx, id)


def telling(ctx: Context, id: str) -> Book:
    if (ctx.caller.tenant, id) not in ctx.state.books and ctx.state.anybody_s(id):
        raise Conflict("this is somebody else's book")
    return one(ctx, id)


def saying(ctx: Context, id: str) -> Book:
    if (ctx.caller.tenant, id) not in ctx.state.books and (found := ctx.state.anybody_s(id)):
        raise NotFound(f"there is no book {found.title!r} here")
    return one(ctx, id)


def renaming_in_silence(ctx: Context, id: str, body: Book) -> Book:
    if found := ctx.state.anybody_s(id):
        found.title = body.title
    return rename(ctx, id, body)


def removing_in_silence(ctx: Context, id: str) -> dict[str, str]:
    for key in [key for key in ctx.state.books if key[1] == id and key[0] != ctx.caller.tenant]:
        del ctx.state.books[key]
    return remove(ctx, id)


_BOOKS, _ONE = "/api/shelf/books", "/api/shelf/books/{id}"


def service(**handlers: Any) -> Service:
    """The shelf, with other handlers in the place of its own."""
    usual = {"listed": listed, "one": one, "rename": rename, "remove": remove, **handlers}
    return Service(
        name="shelf",
        help="Books.",
        prefixes=("/api/shelf",),
        lifespan=shelf,
        permissions={READ: "See books.", WRITE: "Change books."},
        tenanted=frozenset({READ, WRITE}),
        routes=(
            Route(method="POST", path=_BOOKS, handler=add, permission=WRITE, summary="x"),
            Route(method="GET", path=_BOOKS, handler=usual["listed"], permission=READ, summary="x"),
            Route(method="GET", path=_ONE, handler=usual["one"], permission=READ, summary="x"),
            Route(method="PUT", path=_ONE, handler=usual["rename"], permission=WRITE, summary="x"),
            Route(method="DELETE", path=_ONE, handler=usual["remove"], permission=WRITE, summary="x"),
        ),
    )


def _book(ask: Ask, context: Context) -> str:
    made = context.ports.ids.new()
    assert ask("POST", _BOOKS, {"id": made, "title": "Walden"}).status == 200
    return made


CASE = ObjectCase(make=_book, shown=(_BOOKS, "/api/shelf/books/{}"), bodies={f"PUT {_ONE}": {"id": "x", "title": "y"}})
CASES = {_ONE: CASE}
TWO = replace(
    service(),
    routes=(*service().routes, Route(method="GET", path=f"{_ONE}/pages/{{page}}", handler=one, permission=READ, summary="x")),
)  # fmt: skip
WRONG: Mapping[str, tuple[Service, Mapping[str, ObjectCase], str]] = {
    "forgotten": (service(), {}, r"GET /api/shelf/books/\{id\} takes the id .* objects=\{'/api/shelf/books/\{id\}': ObjectCase"),
    "several ids": (TWO, CASES, r"pages/\{page\} takes several ids.*`named` of a case of shelf"),
    "misspelt": (service(), {**CASES, "/api/shelf/bokos/{id}": CASE}, "no address of shelf takes an id at /api/shelf/bokos"),
    "named nowhere": (service(), {_ONE: replace(CASE, named=(("GET", "/api/shelf/x/{}", None),))}, "answers nothing at GET"),
    "never shown": (service(), {_ONE: replace(CASE, shown=())}, "shows its object nowhere"),
    "not there": (service(), {_ONE: replace(CASE, make=lambda _ask, _context: "x")}, "does not tell its owner of x"),
    "wrong body": (service(), {_ONE: replace(CASE, bodies={})}, "PUT .* is refused to its owner as well"),
    "lists": (service(listed=everybody_s), CASES, "GET /api/shelf/books tells another tenant"),
    "reads": (service(one=of_anybody), CASES, "tells another tenant"),
    "reads, and is shown in lists only": (service(one=of_anybody), {_ONE: replace(CASE, shown=(_BOOKS,))}, "tells whether"),
    "another status": (service(one=telling), CASES, "tells another tenant|tells whether"),
    "another word": (service(one=saying), {_ONE: replace(CASE, shown=(_BOOKS,))}, "tells whether"),
    "changes": (service(rename=renaming_in_silence), CASES, "PUT .* by another tenant changed"),
    "deletes": (service(remove=removing_in_silence), CASES, "does not tell its owner"),
}  # fmt: skip


def test_a_plug_in_that_keeps_tenants_apart_passes(open_harness: Any) -> None:
    with open_harness([PLATFORM, service()]) as harness:
        check_objects(harness, service(), CASES)


def test_a_plug_in_of_the_installation_refuses_tenants_alike(open_harness: Any) -> None:
    """Nobody of a tenant gets as far as its objects, and its case says all the same how to make one."""
    closed = replace(service(), tenanted=frozenset())
    with open_harness([PLATFORM, closed]) as harness:
        check_objects(harness, closed, CASES)
        with pytest.raises(NonConformance, match="answered 404 to another tenant"):
            # Declared to be the installation's own, and open all the same.
            check_objects(_Open(harness), closed, CASES)


class _Open:
    """A platform whose door lets tenants in everywhere."""

    def __init__(self, harness: Any) -> None:
        self._harness = harness

    def call_in_tenant(self, method: str, path: str, _permissions: frozenset[str], body: Any = None, **_: str) -> Any:
        absent = path.startswith("/api/shelf/books/")
        return self._harness.call(
            method, "/api/shelf/books/nobody" if absent else "/api/nowhere", frozenset({"*"}), body
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._harness, name)


@pytest.mark.parametrize(("broken", "cases", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_plug_in_that_does_not_is_caught(
    open_harness: Any, broken: Service, cases: Mapping[str, ObjectCase], words: str
) -> None:
    with open_harness([PLATFORM, broken]) as harness, pytest.raises(NonConformance, match=words):
        check_objects(harness, broken, cases)


def test_a_neighbour_is_another_id_of_the_same_form() -> None:
    given = ("01a215c3-9528-790d-b313-6d1fdabc26c6", "n-z9", "7", "ORDERS-A")
    assert [neighbour(one) for one in given] == [
        "01a215c3-9528-790d-b313-6d1fdabcd37d7"[:30] + "cd37d7",
        "o-g0",
        "8",
        "ORDERS-A",
    ]
