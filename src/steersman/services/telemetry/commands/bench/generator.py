"""The load generator: a process of its own, so that its CPU is not counted as the receiver's.

All bodies are made before the clock starts. Then each line on standard input names a target and is answered by
one line with what was acknowledged, so one set of bodies serves every system in turn. Several keep-alive
connections carry the load, as a Prometheus's shards do: a connection always carries the same series, in order.
A request is repeated only where the protocol asks for it (429, 503); any other answer ends the run.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import IO, Any

from steersman.services.telemetry.commands.bench.fleet import SAMPLES_A_REQUEST, Fleet, requests
from steersman.services.telemetry.commands.bench.sidecar import Sidecar
from steersman.services.telemetry.commands.bench.waiting import pause

_HEADERS = (
    "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n"
    "X-Prometheus-Remote-Write-Version: 0.1.0\r\nUser-Agent: steersman-bench\r\n"
)
_PAUSE_SECONDS = 0.05
_PATIENCE = 2_000


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send. `token` is empty for a receiver that asks for none; `first` and `count` select rounds."""

    port: int
    path: str = "/api/v1/write"
    token: str = ""
    connections: int = 5
    first: int = 0
    count: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Sent:
    """What one run achieved. `acknowledged` counts samples; `statuses` counts HTTP answers."""

    seconds: float
    acknowledged: int
    bytes: int
    statuses: dict[str, int] = field(default_factory=dict)
    error: str = ""


class Connection:
    """The least of HTTP/1.1 that a sender needs: one request at a time on a kept connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        """Send one request and return the status and the body of its answer."""
        self._socket.sendall(b"%bContent-Length: %d\r\n\r\n" % (head, len(body)))
        self._socket.sendall(body)
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._receive()
        fields, rest = answer[:end].lower(), answer[end + 4 :]
        size = int(fields.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in fields else 0
        while len(rest) < size:
            rest += self._receive()
        return int(fields[9:12]), rest

    def _receive(self) -> bytes:
        part = self._socket.recv(65_536)
        if not part:
            raise ConnectionError("the receiver closed the connection")
        return part

    def close(self) -> None:
        self._socket.close()


def request_head(target: Target) -> bytes:
    authorization = f"Authorization: Bearer {target.token}\r\n" if target.token else ""
    return f"POST {target.path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n{authorization}{_HEADERS}".encode()


class _Shard(threading.Thread):
    """One connection and the bodies that belong to it."""

    def __init__(self, target: Target, bodies: Sequence[tuple[bytes, int]]) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._bodies = bodies
        self.statuses: Counter[str] = Counter()
        self.acknowledged = 0
        self.error = ""

    def run(self) -> None:
        try:
            self._send_all()
        except OSError as problem:
            self.error = repr(problem)

    def _send_all(self) -> None:
        connection = Connection(self._target.port)
        head = request_head(self._target)
        for body, samples in self._bodies:
            for _ in range(_PATIENCE):
                status, answer = connection.post(head, body)
                self.statuses[str(status)] += 1
                if status not in (429, 503):
                    break
                pause(_PAUSE_SECONDS)
            if status >= 300:
                self.error = f"{status}: {answer[:300].decode(errors='replace')}"
                break
            self.acknowledged += samples
        connection.close()


def send(target: Target, rounds: Sequence[Sequence[tuple[bytes, int]]]) -> Sent:
    """Send the selected rounds; request n of every round goes over connection n modulo their number."""
    chosen = rounds[target.first : target.first + target.count]
    lanes: list[list[tuple[bytes, int]]] = [[] for _ in range(target.connections)]
    for one in chosen:
        for number, body in enumerate(one):
            lanes[number % target.connections].append(body)
    shards = [_Shard(target, lane) for lane in lanes if lane]
    begin = perf_counter()
    for shard in shards:
        shard.start()
    for shard in shards:
        shard.join()
    seconds = perf_counter() - begin
    statuses: Counter[str] = sum((shard.statuses for shard in shards), Counter())
    sizes = sum(len(body) for one in chosen for body, _ in one)
    errors = "; ".join(shard.error for shard in shards if shard.error)
    return Sent(seconds, sum(shard.acknowledged for shard in shards), sizes, dict(statuses), errors)


def build(fleet: Fleet) -> list[list[tuple[bytes, int]]]:
    """Every body of the fleet with the number of samples in it."""
    sizes = [min(SAMPLES_A_REQUEST, fleet.series - at) for at in range(0, fleet.series, SAMPLES_A_REQUEST)]
    return [list(zip(bodies, sizes, strict=True)) for bodies in requests(fleet)]


def serve(commands: IO[str], answers: IO[str], fleet: Fleet) -> None:
    """Build the bodies, say so, then answer each target with what was sent."""
    rounds = build(fleet)
    _say(answers, {"bytes": sum(len(body) for one in rounds for body, _ in one)})
    for line in commands:
        _say(answers, asdict(send(Target(**json.loads(line)), rounds)))


def _say(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def generator(fleet: Fleet) -> Sidecar:
    """The generator's process, seen from the benchmark: ask it with `asdict(target)`, it answers as `Sent`."""
    return Sidecar(__name__, asdict(fleet))


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout, Fleet(**json.loads(sys.argv[1])))
