"""What waits between the syslog listeners and the store: bounded, in order, taken out in batches."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

#: As much as half a second of a flood; beyond this a stream has to wait and a datagram is dropped.
_MOST_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Message:
    """One syslog message, who sent it and when it came."""

    body: bytes
    peer: str
    received_ns: int


class Backlog:
    """A queue that is bounded in bytes and read in batches. For one event loop and one reader."""

    def __init__(self, *, batch: int, most_bytes: int = _MOST_BYTES) -> None:
        self._batch = batch
        self._most_bytes = most_bytes
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._any, self._many, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        return len(self._messages)

    async def put(self, message: Message) -> None:
        """Wait for room, however long it takes: the sender's stream stands still meanwhile."""
        while not self.offer(message):
            await self._room.wait()

    def offer(self, message: Message) -> bool:
        """Take the message if there is room, for a sender that cannot be made to wait."""
        if self._bytes >= self._most_bytes:
            return False
        self._messages.append(message)
        self._bytes += len(message.body)
        self._note()
        return True

    async def take(self, seconds: float) -> list[Message]:
        """Wait for a first message, then at most `seconds` for a full batch."""
        await self._any.wait()
        try:
            async with asyncio.timeout(seconds):
                await self._many.wait()
        except TimeoutError:
            pass
        return self.take_now()

    def take_now(self) -> list[Message]:
        """Return what is there, at most a batch."""
        taken = [self._messages.popleft() for _ in range(min(self._batch, len(self._messages)))]
        self._bytes -= sum(len(message.body) for message in taken)
        self._note()
        return taken

    def _note(self) -> None:
        for event, holds in (
            (self._any, bool(self._messages)),
            (self._many, len(self._messages) >= self._batch),
            (self._room, self._bytes < self._most_bytes),
        ):
            if holds:
                event.set()
            else:
                event.clear()
