"""Speaks with systemd over D-Bus (org.freedesktop.systemd1(5)): one connection for each question or deed.

A deed waits for `JobRemoved`, which is where systemd says how a job ended. Synchronous, for worker threads: each call
runs a loop of its own and leaves no connection behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from steersman.model.errors import NotFound, Permanent, SteersmanError, Temporary
from steersman.services.orchestrators.model import UnitSeen

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

T = TypeVar("T")

_NAME = "org.freedesktop.systemd1"
_PATH = "/org/freedesktop/systemd1"
_MANAGER = "org.freedesktop.systemd1.Manager"
_UNIT = "org.freedesktop.systemd1.Unit"
_JOB_REMOVED = f"type='signal',interface='{_MANAGER}',member='JobRemoved',path='{_PATH}'"
#: Errors that mean that the peer is away or late, by the end of their names.
_MAY_PASS = ("ServiceUnknown", "NoReply", "Timeout", "TimedOut", "Disconnected", "LimitsExceeded", "NameHasNoOwner")


@dataclass(frozen=True, slots=True)
class SystemdReader:
    """Asks systemd. It has no way to change anything."""

    bus: str
    timeout_seconds: float = 10.0

    def unit(self, name: str) -> UnitSeen:
        """Return how a unit stands; raises `NotFound` where systemd knows no such unit."""

        async def ask(bus: MessageBus) -> UnitSeen:
            return await _unit(bus, name)

        return _within(self, self.timeout_seconds, ask)

    def units(self, patterns: Sequence[str]) -> list[UnitSeen]:
        """Return the units that are loaded and match."""

        async def ask(bus: MessageBus) -> list[UnitSeen]:
            rows = (await _call(bus, "ListUnitsByPatterns", "asas", [[], list(patterns)]))[0]
            # (name, description, load, active, sub, followed, path, job id, job type, job path)
            return [UnitSeen(row[0], row[2], row[3], "", row[8], 0) for row in rows]

        return _within(self, self.timeout_seconds, ask)


@dataclass(frozen=True, slots=True)
class SystemdWriter:
    """Has systemd do things."""

    reader: SystemdReader

    def do(self, method: str, unit: str, timeout_seconds: float) -> None:
        """Start a job such as `RestartUnit` and wait for its end; raises `Permanent` where it failed."""

        async def act(bus: MessageBus) -> str:
            ended: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
            bus.add_message_handler(_listening(ended))
            await _call(bus, "AddMatch", "s", [_JOB_REMOVED], of=_THE_BUS)
            await _call(bus, "Subscribe", "", [])
            job = (await _call(bus, method, "ss", [unit, "replace"]))[0]
            while True:
                path, result = await ended.get()
                if path == job:
                    return result

        result = _within(self.reader, timeout_seconds, act)
        if result not in {"done", "skipped"}:
            raise Permanent(f"systemd ended the {method} of {unit} with {result!r}")

    def kill(self, unit: str, whom: str, number: int) -> None:
        """Send a signal to a unit's processes."""

        async def act(bus: MessageBus) -> None:
            await _call(bus, "KillUnit", "ssi", [unit, whom, number])

        _within(self.reader, self.reader.timeout_seconds, act)


def _within(reader: SystemdReader, seconds: float, work: Callable[[MessageBus], Coroutine[Any, Any, T]]) -> T:
    """Connect, work, and disconnect, all within the time."""
    from dbus_fast.errors import AuthError, DBusError, InvalidAddressError

    async def whole() -> T:
        async with asyncio.timeout(seconds), _connected(reader.bus) as bus:
            return await work(bus)

    try:
        return asyncio.run(whole())
    except TimeoutError as error:
        raise Temporary(f"systemd did not answer within {seconds:g} s") from error
    except (OSError, EOFError, AuthError, DBusError) as error:
        raise Temporary(f"the bus at {reader.bus} does not answer: {error}") from error
    except InvalidAddressError as error:
        raise Permanent(f"{reader.bus} is not the address of a bus") from error


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[MessageBus]:
    from dbus_fast import BusType
    from dbus_fast.aio import MessageBus

    bus = MessageBus(bus_type=BusType.SYSTEM) if address == "system" else MessageBus(bus_address=address)
    try:
        yield await bus.connect()
    finally:
        bus.disconnect()


_SYSTEMD = (_NAME, _PATH, _MANAGER)
_THE_BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


async def _call(
    bus: MessageBus, member: str, signature: str, body: list[Any], of: tuple[str, str, str] = _SYSTEMD
) -> list[Any]:
    from dbus_fast import Message, MessageType

    destination, path, interface = of
    answer = await bus.call(
        Message(destination=destination, path=path, interface=interface, member=member, signature=signature, body=body)
    )
    if answer is None:
        raise Temporary(f"systemd did not answer {member}")
    if answer.message_type is MessageType.ERROR:
        raise _meaning(answer, member)
    return list(answer.body)


def _meaning(answer: Message, member: str) -> SteersmanError:
    """Sort an error by what the caller can do about it."""
    name = answer.error_name or ""
    words = f"{answer.body[0] if answer.body else name} ({member})"
    if name.endswith(("NoSuchUnit", "UnitNotFound", "LoadFailed")):
        return NotFound(words)
    if name.endswith(_MAY_PASS) or ".Error.Spawn." in name:
        return Temporary(words)
    return Permanent(words)


async def _unit(bus: MessageBus, name: str) -> UnitSeen:
    path = (await _call(bus, "LoadUnit", "s", [name]))[0]
    told = (await _call(bus, "GetAll", "s", [_UNIT], of=(_NAME, path, "org.freedesktop.DBus.Properties")))[0]
    values = {key: variant.value for key, variant in told.items()}
    if values["LoadState"] == "not-found":
        raise NotFound(f"systemd knows no unit {name}")
    job = values.get("Job") or (0, "/")
    return UnitSeen(
        name,
        values["LoadState"],
        values["ActiveState"],
        bytes(values.get("InvocationID") or b"").hex(),
        str(job[1]) if job[0] else "",
        int(values.get("StateChangeTimestampMonotonic", 0)),
    )


def _listening(ended: asyncio.Queue[tuple[str, str]]) -> Callable[[Message], None]:
    """Hear of the jobs that ended; the first ones may come before the answer that names ours."""

    def on_message(message: Message) -> None:
        if message.member == "JobRemoved" and message.interface == _MANAGER:
            # (id, job path, unit, result)
            ended.put_nowait((message.body[1], message.body[3]))

    return on_message
