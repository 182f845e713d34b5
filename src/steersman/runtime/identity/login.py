"""Signing in with a name and a password, for tokens and for the console alike.

Whatever is wrong, the answer is the same and takes as long: a name that is nobody's, an account that is disabled or has
no password, a wrong password, a wrong second factor. Comparing is bounded to half of the cores, so that a storm of
sign-ins leaves the rest to everybody else; whoever does not fit into the queue is told to come back. Who signs in from
where they signed in before has a lane of their own: a storm of strangers does not hold them up.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread
from sqlalchemy import select

from steersman.contract.ports import JournalEntry, Ports
from steersman.model.errors import Throttled, Unauthenticated
from steersman.model.ids import Id, Tenant
from steersman.runtime.identity import accounts, sessions, tables
from steersman.runtime.identity.evidence import Evidence
from steersman.runtime.identity.factor import SecondFactor
from steersman.runtime.identity.failures import Failures
from steersman.runtime.identity.names import folded
from steersman.runtime.identity.passwords import Passwords
from steersman.runtime.identity.throttle import Throttle

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

T = TypeVar("T")

REFUSED = "the name, the password or the code is not right"
_QUEUE = 32
_LOOKING = 2
_UNKNOWN = "unknown"

#: Something else than a code that may stand for the second factor of this account.
Proof = Callable[["Connection", str], bool]
Begin = Callable[["Connection", Id, str, str, str, int], str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody gave, and where they are."""

    name: str
    password: str
    code: str
    address: str
    agent: str
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: `token` is its first refresh token, or the value of its cookie."""

    account: str
    session: str
    token: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """From where somebody signs in, with what program, and by what they have shown who they are."""

    address: str
    agent: str
    how: str


class _Lane:
    """Threads that wait for a comparison each, and a bounded queue before them."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, "sign-in")
        self.waiting = 0

    def check(self) -> None:
        """Refuse whoever would not fit, before anything is done for them; raises `Throttled`."""
        if self.waiting >= _QUEUE:
            raise Throttled("too many people sign in at once", retry_after=2.0)

    async def run(self, work: Callable[[], T]) -> T:
        self.check()
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self.waiting -= 1


class Login:
    """Takes attempts, one queue for the process."""

    def __init__(
        self, ports: Ports, passwords: Passwords, factor: SecondFactor, evidence: Evidence, failures: Failures
    ) -> None:
        self.failures = failures
        self._ports = ports
        self._passwords = passwords
        self._factor = factor
        self._evidence = evidence
        self._throttle = Throttle(failures)
        self._strangers = _Lane(max(1, (os.cpu_count() or 2) // 2))
        self._regulars = _Lane(1)
        self._looking = anyio.CapacityLimiter(_LOOKING)
        #: Accounts whose password opens only from where they signed in before, each until a time in milliseconds.
        self.locked: Mapping[str, int] = {}

    async def for_tokens(self, attempt: Attempt) -> SignedIn:
        """Begin a session of tokens; raises `Unauthenticated` or `Throttled`."""
        return await self._enter(attempt, lambda: self._sign_in(attempt, sessions.begin))

    async def for_console(self, attempt: Attempt) -> SignedIn:
        """Begin a session of the console; raises `Unauthenticated` or `Throttled`."""
        return await self._enter(attempt, lambda: self._sign_in(attempt, sessions.begin_cookie))

    async def confirm(self, attempt: Attempt) -> None:
        """Ask somebody who has a session for the password once more; raises `Unauthenticated` or `Throttled`."""
        await self._enter(attempt, lambda: self._with_password(attempt))

    async def confirm_whole(self, attempt: Attempt) -> None:
        """Ask somebody who has a session for all that a sign-in asks for; raises `Unauthenticated` or `Throttled`."""
        await self._enter(attempt, lambda: self._with_factor(attempt))

    async def _enter(self, attempt: Attempt, work: Callable[[], T]) -> T:
        account = folded(attempt.name) or _UNKNOWN
        with self._throttle.waiting(attempt.address):
            lane = await self._slowed_down(account, attempt)
            try:
                found = await lane.run(work)
            except Unauthenticated:
                self._throttle.failed(account, attempt.address)
                raise
        self._throttle.succeeded(account, attempt.address)
        return found

    async def _slowed_down(self, account: str, attempt: Attempt) -> _Lane:
        """Wait for what failed before, and return the lane of whoever that is."""
        regular = self._throttle.is_regular(attempt.address)
        if not self._throttle.seconds(account, attempt.address, known=False) and (
            regular or not self._strangers.waiting
        ):
            return self._regulars if regular else self._strangers
        known = not self._throttle.fails(attempt.address) and await anyio.to_thread.run_sync(
            self._is_known, attempt, limiter=self._looking
        )
        lane = self._regulars if known else self._strangers
        lane.check()
        if seconds := self._throttle.seconds(account, attempt.address, known=known):
            await self._ports.clock.sleep(seconds)
        return lane

    def _is_known(self, attempt: Attempt) -> bool:
        with self._ports.database.reading() as connection:
            row = accounts.row_of(connection, attempt.name)
            if row is None:
                return False
            return sessions.knows_address(connection, row.id, attempt.address, self._now_ms())

    def _with_password(self, attempt: Attempt) -> Row[Any]:
        """Return the row of whoever has this name and this password; raises `Unauthenticated`."""
        with self._ports.database.reading() as connection:
            row = accounts.row_of(connection, attempt.name)
        possible = row is not None and not row.disabled and row.kind == accounts.Kind.PERSON
        stored = row.password if row is not None and possible else None
        if not self._passwords.matches(stored, attempt.password) or row is None:
            raise self._refused(row, attempt, "password")
        # Asked last, so that the answer takes as long and tells a guesser nothing about the password.
        if self.locked.get(row.id, 0) > self._now_ms() and not self._is_known(attempt):
            raise self._refused(row, attempt, "locked")
        return row

    def _with_factor(self, attempt: Attempt) -> None:
        row = self._with_password(attempt)
        with self._ports.database.transaction() as transaction:
            accepted = self._factor.accepts(transaction, row.id, attempt.code, self._now_ms())
        if not accepted:
            raise self._refused(row, attempt, "second factor")

    def _sign_in(self, attempt: Attempt, begin: Begin) -> SignedIn:
        row = self._with_password(attempt)
        with self._ports.database.transaction() as transaction:
            # Asked inside the transaction, because a code is used up by being right.
            proven = attempt.proof is not None and attempt.proof(transaction, row.id)
            if proven or self._factor.accepts(transaction, row.id, attempt.code, self._now_ms()):
                return self._begin(transaction, row, attempt, begin)
        raise self._refused(row, attempt, "second factor")

    def _begin(self, transaction: Connection, row: Row[Any], attempt: Attempt, begin: Begin) -> SignedIn:
        if self._passwords.is_dated(row.password):
            accounts.change_account(transaction, row.id, password=self._passwords.rehashed(attempt.password))
        how = "password and second factor" if self._factor.is_asked(row) else "password"
        return begun(self._ports, transaction, row, begin, Arrival(attempt.address, attempt.agent, how))

    def _refused(self, row: Row[Any] | None, attempt: Attempt, reason: str) -> Unauthenticated:
        # An unknown name is not written down: people type their password into the wrong field.
        subject = _UNKNOWN if row is None else row.id
        self._evidence.note("identity.login.refused", subject, {"reason": reason, "address": attempt.address})
        return Unauthenticated(REFUSED)

    def _now_ms(self) -> int:
        return self._ports.clock.wall_ns() // 1_000_000


def begun(ports: Ports, transaction: Connection, row: Row[Any], begin: Begin, arrival: Arrival) -> SignedIn:
    """Begin a session of an account and tell the journal; always a new one, whatever the caller came with."""
    session = ports.ids.new()
    now_ns = ports.clock.wall_ns()
    token = begin(transaction, session, row.id, arrival.address, arrival.agent, now_ns // 1_000_000)
    agent = sessions.shown_agent(arrival.agent)
    told = {"account": row.id, "address": arrival.address, "agent": agent, "how": arrival.how}
    entry = JournalEntry(ports.ids.new(), now_ns, Tenant(row.tenant), row.name, "identity.session.begun", session, told)
    ports.journal.append(transaction, [entry])
    return SignedIn(row.id, session, token)


def row_by_id(connection: Connection, account: str) -> Row[Any] | None:
    """Return the whole row of an account by its id."""
    query = select(tables.accounts).where(tables.accounts.c.id == account)
    return connection.execute(query).one_or_none()
