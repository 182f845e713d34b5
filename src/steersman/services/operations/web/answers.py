"""Answers of hot addresses as bytes, kept for as long as nothing new was recorded, and how an address is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Context, Database
from steersman.model.errors import InvalidInput, SteersmanError
from steersman.runtime.http.problems import field_errors
from steersman.services.operations.logic.bulletin import Bulletin

if TYPE_CHECKING:
    from sqlalchemy import Connection

Q = TypeVar("Q", bound=BaseModel)
Key = tuple[str, str]
Read = Callable[["Connection"], BaseModel]
JSON = "application/json"

#: Answers of at most some kilobytes each; beyond so many, all are forgotten and the asked ones come back.
_KEPT = 4_096


@dataclass(frozen=True, slots=True)
class _Asked:
    """An answer that is being made, and everybody who waits for it."""

    read: Read
    waiting: list[asyncio.Future[bytes]] = field(default_factory=list)


@dataclass(slots=True)
class Answers:
    """Keeps answers by tenant and address until the bulletin's version moves on.

    What is not known is read by one thread at a time, and while it reads, what is asked gathers for the next run: many
    readers would only take turns at the interpreter, each waiting for the event loop anew.
    """

    bulletin: Bulletin
    _version: int = -1
    _kept: dict[Key, bytes] = field(default_factory=dict)
    _asked: dict[Key, _Asked] = field(default_factory=dict)
    _busy: bool = False

    def known(self, key: Key) -> bytes | None:
        """Return a kept answer, unless something was recorded since."""
        if self._version != self.bulletin.version or len(self._kept) >= _KEPT:
            self._version = self.bulletin.version
            self._kept.clear()
        return self._kept.get(key)

    async def give(self, database: Database, key: Key, read: Read) -> bytes:
        """Return the answer for a key as JSON; raises what `read` raises."""
        if (found := self.known(key)) is not None:
            return found
        mine = asyncio.get_running_loop().create_future()
        self._asked.setdefault(key, _Asked(read)).waiting.append(mine)
        if not self._busy:
            self._run(database)
        answer: bytes = await mine
        return answer

    def _run(self, database: Database) -> None:
        """Read everything that is asked now, in a thread, and whatever gathers meanwhile afterwards."""
        self._busy = True
        asked, self._asked, version = self._asked, {}, self.bulletin.version
        running = asyncio.get_running_loop().run_in_executor(None, _read_all, database, asked)

        def finish(done: asyncio.Future[dict[Key, bytes | SteersmanError]]) -> None:
            self._busy = False
            self._hand_out(asked, version, done)
            if self._asked:
                self._run(database)

        running.add_done_callback(finish)

    def _hand_out(
        self, asked: dict[Key, _Asked], version: int, done: asyncio.Future[dict[Key, bytes | SteersmanError]]
    ) -> None:
        defect = done.exception()
        for key, one in asked.items():
            made = defect or done.result()[key]
            if isinstance(made, bytes) and version == self._version == self.bulletin.version:
                self._kept[key] = made
            for waiting in one.waiting:
                if waiting.done():  # its client has gone
                    continue
                if isinstance(made, bytes):
                    waiting.set_result(made)
                else:
                    waiting.set_exception(made)


def _read_all(database: Database, asked: dict[Key, _Asked]) -> dict[Key, bytes | SteersmanError]:
    """Make every answer in one reading transaction; an error on purpose is the answer to its own question only."""
    made: dict[Key, bytes | SteersmanError] = {}
    with database.reading() as connection:
        for key, one in asked.items():
            try:
                made[key] = one.read(connection).model_dump_json().encode()
            except SteersmanError as error:
                made[key] = error
    return made


async def kept_answer(ctx: Context, request: Request, read: Read) -> Response:
    """Answer with what `read` returns from the database, from memory where that is still so."""
    scope = request.scope
    key = (ctx.caller.tenant, f"{scope['path']}?{scope['query_string'].decode('latin-1')}")
    return Response(await ctx.state.answers.give(ctx.ports.database, key, read), media_type=JSON)


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
