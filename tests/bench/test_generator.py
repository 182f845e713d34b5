from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cramjam

from steersman.services.telemetry.commands.bench.fleet import Fleet
from steersman.services.telemetry.commands.bench.generator import Sent, Target, build, generator, send

FLEET = Fleet(hosts=50, metrics=100, rounds=4)


class Receiver(BaseHTTPRequestHandler):
    """Answers what the server's `statuses` say, then 204, and keeps what came."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            status = self.server.statuses.pop(0) if self.server.statuses else 204
            if status == 204:
                self.server.bodies.append((self.client_address[1], dict(self.headers), body))
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"" if status == 204 else b"why?")

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def receiving(*statuses: int) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.lock, server.statuses, server.bodies = threading.Lock(), list(statuses), []
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_body_arrives_once_and_is_counted():
    rounds = build(FLEET)
    with receiving() as server:
        sent = send(Target(server.server_port, token="secret", connections=3), rounds)
        assert sorted(body for _, _, body in server.bodies) == sorted(body for one in rounds for body, _ in one)
        assert sent.acknowledged == FLEET.samples == 20_000
        assert all(headers["Authorization"] == "Bearer secret" for _, headers, _ in server.bodies)


def test_a_connection_carries_the_same_series_round_after_round():
    with receiving() as server:
        send(Target(server.server_port, connections=3), build(FLEET))
        lanes: dict[int, list[bytes]] = {}
        for port, _, body in server.bodies:
            lanes.setdefault(port, []).append(bytes(cramjam.snappy.decompress_raw(body))[:100])
    assert len(lanes) == 3
    assert all(len(set(starts)) == 1 for starts in lanes.values())


def test_a_busy_receiver_is_asked_again_and_a_refusal_ends_the_run():
    rounds = build(FLEET)
    with receiving(503, 429) as server:
        sent = send(Target(server.server_port, connections=1), rounds)
    assert (sent.acknowledged, sent.statuses) == (20_000, {"503": 1, "429": 1, "204": 12})
    with receiving(400) as server:
        sent = send(Target(server.server_port, connections=1), rounds)
    assert (sent.acknowledged, sent.error) == (0, "400: why?")


def test_the_generator_s_process_serves_one_target_after_another():
    with receiving() as server, generator(FLEET) as sender:
        first = Sent(**sender.ask(asdict(Target(server.server_port, count=1))))
        second = Sent(**sender.ask(asdict(Target(server.server_port, first=1))))
    assert (first.acknowledged, second.acknowledged) == (5_000, 15_000)
