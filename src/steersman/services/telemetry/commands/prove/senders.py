"""Senders that keep account: which of their requests were acknowledged, and which were sent and never answered."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from steersman.services.telemetry.commands.bench.generator import Connection, Target, request_head
from steersman.services.telemetry.commands.bench.waiting import pause
from steersman.services.telemetry.commands.prove.numbered import Sender, Signal

_PATHS = {Signal.SAMPLES: "/api/v1/write", Signal.LINES: "/loki/api/v1/push", Signal.SPANS: "/v1/traces"}
_RETRY_SECONDS = 0.01


@dataclass(slots=True)
class Account:
    """The requests of one sender so far. A number is used once, whatever became of the request."""

    sender: Sender
    next_request: int = 0
    acknowledged: set[int] = field(default_factory=set)
    unanswered: set[int] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)


class Sending(threading.Thread):
    """Sends one request after the other until `stop`, from before the platform listens until after it is killed."""

    def __init__(self, account: Account, port: int, token: str, pause_seconds: float) -> None:
        super().__init__(daemon=True)
        self._account = account
        self._target = Target(port, path=_PATHS[account.sender.signal], token=token)
        self._pause = pause_seconds
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def run(self) -> None:
        head = request_head(self._target)
        if self._account.sender.signal is Signal.SPANS:
            head = head.replace(b"Content-Encoding: snappy\r\n", b"")
        while not self._stopping.is_set():
            try:
                connection = Connection(self._target.port)
            except OSError:
                self._stopping.wait(_RETRY_SECONDS)
                continue
            try:
                while not self._stopping.is_set():
                    self._send(connection, head)
                    self._stopping.wait(self._pause)
            except OSError:
                continue
            finally:
                connection.close()

    def _send(self, connection: Connection, head: bytes) -> None:
        """Send the next request until it is taken or refused; the request in doubt when the connection breaks."""
        account = self._account
        number = account.next_request
        account.next_request += 1
        body = account.sender.body(number)
        account.unanswered.add(number)
        while True:
            status, answer = connection.post(head, body)
            if status not in (429, 503):
                break
            # The answer says that nothing was kept, so the same request may go out again.
            if self._stopping.is_set():
                return
            pause(_RETRY_SECONDS)
        account.unanswered.discard(number)
        if status < 300:
            account.acknowledged.add(number)
        else:
            account.refused.append(f"request {number}: {status} {answer[:200].decode(errors='replace')}")
