"""Syslog messages, RFC 5424 and RFC 3164, as log columns; and the framing of RFC 6587 on a stream.

One record holds many messages, each with its peer and the time it came in. No message is ever dropped: what follows
neither format is kept as it is, with the severity of its PRI if it has one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from typing import Protocol

from steersman.engine.decode.bounds import MAX_TIME_NS
from steersman.engine.decode.json_text import json_text
from steersman.engine.decode.severity import SYSLOG_NUMBERS
from steersman.engine.decode.syslog_message import SyslogMessage, parse_message
from steersman.model.errors import InvalidInput
from steersman.model.telemetry import Decoded, LogColumns

#: RFC 5425 asks a receiver for 2,048 bytes at least and 8,192 better; applications log whole stack traces.
MAX_MESSAGE = 65_536

#: received_ns, length of the peer's name, length of the message.
_FRAME = struct.Struct("<QHI")

#: An octet count is told from a line that starts with a number by the PRI behind it.
_COUNT = re.compile(rb"([1-9][0-9]{0,9}) <")
_COUNT_BEGUN = re.compile(rb"[1-9][0-9]{0,9} ?")
#: A line feed by the RFC; some senders, Python's handler among them, end a message with a NUL.
_TRAILER = re.compile(rb"[\n\0]")


class Received(Protocol):
    """A message as a listener took it in."""

    @property
    def body(self) -> bytes: ...
    @property
    def peer(self) -> str: ...
    @property
    def received_ns(self) -> int: ...


def split_frames(buffer: bytes, limit: int = MAX_MESSAGE) -> tuple[list[bytes], bytes]:
    """Cut the bytes of a stream into whole messages and the unfinished rest.

    Each message is framed by its octet count or by a line feed, and a sender may change its mind. When the first
    message is longer than `limit` bytes, raises `InvalidInput`: where the next one starts cannot be known then.
    Messages before such a one are returned first.
    """
    frames: list[bytes] = []
    at = 0
    while at < len(buffer):
        start, end, after = _next_frame(buffer, at)
        if (len(buffer) if end is None else end) - start > limit:
            if frames:
                break
            raise InvalidInput(f"a syslog message is longer than {limit} bytes")
        if end is None or end > len(buffer):
            break
        frames.append(buffer[start:end])
        at = after
    return frames, buffer[at:]


def _next_frame(buffer: bytes, at: int) -> tuple[int, int | None, int]:
    """Return where the next message starts and ends and where the one after it starts; the end may be unknown yet."""
    count = _COUNT.match(buffer, at)
    if count:
        start = count.end() - 1
        end = start + int(count[1])
        return start, end, end
    if _COUNT_BEGUN.fullmatch(buffer, at):
        return at, None, at
    trailer = _TRAILER.search(buffer, at)
    return (at, trailer.start(), trailer.end()) if trailer else (at, None, at)


def pack(messages: Iterable[Received]) -> bytes:
    """Return the record for some messages."""
    parts = []
    for message in messages:
        peer = message.peer.encode()
        parts += [_FRAME.pack(message.received_ns, len(peer), len(message.body)), peer, message.body]
    return b"".join(parts)


def _unpack(record: bytes) -> Iterator[tuple[int, str, bytes]]:
    at = 0
    while at < len(record):
        try:
            received_ns, peer_size, size = _FRAME.unpack_from(record, at)
            start = at + _FRAME.size + peer_size
            peer = record[at + _FRAME.size : start].decode()
        except (struct.error, UnicodeDecodeError) as error:
            raise InvalidInput("the record of syslog messages is damaged") from error
        at = start + size
        if at > len(record) or received_ns > MAX_TIME_NS:
            raise InvalidInput("the record of syslog messages is damaged")
        yield received_ns, peer, record[start:at]


def decode(body: bytes, received_ns: int) -> Decoded:
    """Decode what `pack` made; a damaged record is refused with `InvalidInput`, a strange message never."""
    logs = LogColumns()
    for message_ns, peer, raw in _unpack(body):
        message = parse_message(raw, message_ns)
        logs.time_ns.append(message.time_ns)
        logs.severity.append(0 if message.priority is None else SYSLOG_NUMBERS[message.priority & 7])
        logs.service.append(message.app)
        logs.body.append(message.text)
        logs.attributes.append(_attributes(message, peer))
        logs.trace_id.append("")
        logs.span_id.append("")
    return Decoded(logs=logs)


def _attributes(message: SyslogMessage, peer: str) -> str:
    found: dict[str, object] = {
        "host.name": message.host,
        "network.peer.address": peer,
        "syslog.msg_id": message.message_id,
        "syslog.proc_id": message.process,
        "syslog.structured_data": message.structured,
    }
    given = {name: value for name, value in found.items() if value}
    if message.priority is not None:
        given["syslog.facility.code"] = message.priority >> 3
    return json_text(given)
