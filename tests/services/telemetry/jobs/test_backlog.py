"""The queue between the syslog listeners and the store."""

from __future__ import annotations

import asyncio

from steersman.services.telemetry.jobs.backlog import Backlog, Message


def message(text: str) -> Message:
    return Message(text.encode(), "peer", 1)


def test_full_batch_is_handed_out_at_once_and_in_order() -> None:
    """Nobody waits out the time when there is enough."""

    async def run() -> list[list[bytes]]:
        backlog = Backlog(batch=2)
        for text in "abc":
            await backlog.put(message(text))
        batches = [await backlog.take(3600), await backlog.take(0.001)]
        return [[m.body for m in batch] for batch in batches]

    assert asyncio.run(run()) == [[b"a", b"b"], [b"c"]]


def test_datagram_is_refused_and_stream_waits_when_it_is_full() -> None:
    """The bound is in bytes, because messages are of any size."""

    async def run() -> None:
        backlog = Backlog(batch=10, most_bytes=3)
        assert backlog.offer(message("abcd"))
        assert not backlog.offer(message("e"))
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(backlog.put(message("f")))
            await asyncio.sleep(0)
            assert not waiting.done()
            assert [m.body for m in backlog.take_now()] == [b"abcd"]
        assert [m.body for m in backlog.take_now()] == [b"f"]

    asyncio.run(run())
