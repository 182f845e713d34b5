"""Answers of hot addresses as bytes, kept for as long as nothing new was recorded, and how an address is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Context
from steersman.model.errors import InvalidInput
from steersman.runtime.http.problems import field_errors
from steersman.services.operations.logic.bulletin import Bulletin

if TYPE_CHECKING:
    from sqlalchemy import Connection

Q = TypeVar("Q", bound=BaseModel)
JSON = "application/json"

#: Answers of at most some kilobytes each; beyond so many, all are forgotten and the asked ones come back.
_KEPT = 4_096
#: The database is read by so many at once; a second core has no use for more.
_READERS = 2


@dataclass(slots=True)
class Answers:
    """Keeps answers by tenant and address until the bulletin's version moves on."""

    bulletin: Bulletin
    _version: int = -1
    _kept: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _readers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READERS))

    def known(self, key: tuple[str, str]) -> bytes | None:
        """Return a kept answer, unless something was recorded since."""
        if self._version != self.bulletin.version or len(self._kept) >= _KEPT:
            self._version = self.bulletin.version
            self._kept.clear()
        return self._kept.get(key)

    async def give(self, key: tuple[str, str], make: Callable[[], bytes]) -> bytes:
        """Return the answer for a key, made in a thread where it is not known."""
        if (found := self.known(key)) is not None:
            return found
        async with self._readers:
            # Another request may have asked the same while this one waited.
            if (found := self.known(key)) is not None:
                return found
            version = self._version
            made = await asyncio.to_thread(make)
            if version == self.bulletin.version:
                self._kept[key] = made
            return made


async def kept_answer(
    ctx: Context, request: Request, read: Callable[[Connection], BaseModel], what: str | None = None
) -> Response:
    """Answer with what `read` returns from the database, from memory where that is still so."""

    def make() -> bytes:
        with ctx.ports.database.reading() as connection:
            return read(connection).model_dump_json().encode()

    scope = request.scope
    key = (ctx.caller.tenant, what or f"{scope['path']}?{scope['query_string'].decode('latin-1')}")
    return Response(await ctx.state.answers.give(key, make), media_type=JSON)


def now_ms(ctx: Context) -> int:
    """Return the time in milliseconds UTC."""
    return ctx.ports.clock.wall_ns() // 1_000_000


def parsed(kind: type[Q], request: Request, *, lists: tuple[str, ...] = ()) -> Q:
    """Read what an address takes; raises `InvalidInput` that names what is wrong."""
    params = request.query_params
    given: Mapping[str, Any] = {name: params.getlist(name) if name in lists else params[name] for name in params}
    return checked(kind, given)


def checked(kind: type[Q], given: Any) -> Q:
    """Build a model of what was given; raises `InvalidInput` that names the fields."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise InvalidInput("; ".join(field_errors(error.errors()))) from error
