"""A health check tells refused, silent and bad answers apart, and one that is slow delays no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from steersman.runtime.clock import SystemClock
from steersman.services.workloads.jobs.probes import ask, probe_services
from steersman.services.workloads.model.definition import ServiceDefinition
from steersman.services.workloads.model.replicas import REFUSED, TIMED_OUT

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _saying(text: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(text)
        writer.close()

    return answer


async def _asked(answer: Answer, health: dict[str, Any]) -> str:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        definition = ServiceDefinition(command=("true",), port=port, health=health)
        assert definition.health is not None
        return await ask(definition.health, definition, 0)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\n\r\n", ""),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "it answers with status 503"),
        (b"SSH-2.0-x\r\n", "the answer is not HTTP"),
        (b"", "the answer is not HTTP"),
        (b"x" * 100_000, "the answer is not HTTP"),
    ],
)
def test_a_status_says_whether_the_answer_is_good(said: bytes, reason: str) -> None:
    health = {"url": "http://127.0.0.1:{port}/healthz?deep=1"}
    assert asyncio.run(_asked(_saying(said), health)) == reason


def test_a_port_that_is_open_is_enough_for_tcp() -> None:
    assert asyncio.run(_asked(_saying(b""), {"tcp": "127.0.0.1:{port}"})) == ""


@pytest.mark.parametrize(("command", "reason"), [(["true"], ""), (["false"], "its check exits with status 1")])
def test_a_command_answers_with_its_status(command: list[str], reason: str) -> None:
    definition = ServiceDefinition(command=("true",), health={"command": command})
    assert definition.health is not None
    assert asyncio.run(ask(definition.health, definition, 0)) == reason


def test_refused_and_silent_are_told_apart_and_do_not_wait_for_each_other(make_yard: Any, idle: Any) -> None:
    """A server that accepts and says nothing stands for a hang; nobody listens at the other port."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def scene() -> dict[str, str]:
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        taken = await asyncio.start_server(silent, "127.0.0.1", 0)
        closed = taken.sockets[0].getsockname()[1]
        taken.close()
        hung = {"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", "timeout_seconds": 0.2}
        yard = make_yard(hung=idle(health=hung), dead=idle(health={"tcp": f"127.0.0.1:{closed}"}))
        for name in ("hung", "dead"):
            await asyncio.to_thread(yard.start, name)
        task = asyncio.ensure_future(probe_services(yard.fleet, SystemClock()))
        found: dict[str, str] = {}
        while not all(found.get(name) for name in ("hung", "dead")):
            await asyncio.sleep(0.01)
            found = {one.service: one.answering.reason for one in yard.fleet.view.everyone()}
        task.cancel()
        server.close()
        return found

    assert asyncio.run(asyncio.wait_for(scene(), 30)) == {"hung": TIMED_OUT, "dead": REFUSED}
