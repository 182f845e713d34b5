"""The bytes of a recording: a first line, then a frame with what the loop knew, then one for each round.

A frame is its length and CRC-32 (little-endian, 4 bytes each) and a zstandard body: the length of a JSON head, the
head, and the arrays that the head describes, in the order series, times, values. A recording that was cut off or
changed is refused with the offset where it stops being one: the byte that is wrong, where it is one alone, the first
byte of the damaged frame, where there are more, or the end.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cramjam
import numpy as np
import orjson

from steersman.engine.recording.damage import wrong_byte, wrong_byte_of
from steersman.model.changes import Change
from steersman.model.entities import Entity
from steersman.model.errors import InvalidInput
from steersman.model.findings import Finding
from steersman.model.plain import plain, read
from steersman.model.plans import Policy
from steersman.model.rounds import (
    Feedback,
    NewSeries,
    Progress,
    Remedies,
    Round,
    SampleColumns,
    Telemetry,
    Trend,
)
from steersman.model.telemetry import LogColumns, SpanColumns
from steersman.model.topology import Edge


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the loop knew when the recording began, as its detectors and its state write it down."""

    learnt: bytes
    state: bytes


FIRST_LINE = b"STEERSMAN RECORDING 1\n"
_HEAD = struct.Struct("<II")
_SIZE = struct.Struct("<I")
#: Where the checksum stands in the head of a frame.
_CHECKSUM_AT = 4
#: No round is larger: 8 million samples of 20 bytes, and room.
_LONGEST = 256 << 20
_LEVEL = 1
#: The fields of a round that are tuples of values.
_VALUES: dict[str, Any] = {
    "findings": tuple[Finding, ...],
    "changes": tuple[Change, ...],
    "entities": tuple[Entity, ...],
    "edges": tuple[Edge, ...],
    "trends": tuple[Trend, ...],
    "remedies": tuple[Remedies, ...],
    "progress": tuple[Progress, ...],
    "feedback": tuple[Feedback, ...],
}


def beginning_frame(beginning: Beginning) -> bytes:
    """Return the bytes of what was known at the beginning."""
    head = {"beginning": [len(beginning.learnt), len(beginning.state)]}
    return _frame(head, (beginning.learnt, beginning.state))


def frame(round: Round) -> bytes:
    """Return the bytes of one round."""
    arrays = [array for one in round.telemetry.samples for array in (one.series, one.times, one.values)]
    return _frame(_head(round), [array.tobytes() for array in arrays])


def _frame(head: dict[str, Any], parts: Sequence[bytes]) -> bytes:
    text = orjson.dumps(head)
    body = bytes(cramjam.zstd.compress(b"".join((_SIZE.pack(len(text)), text, *parts)), level=_LEVEL))
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _head(round: Round) -> dict[str, Any]:
    telemetry = round.telemetry
    given = {name: plain(found) for name in _VALUES if (found := getattr(round, name))}
    return {
        "now_ms": round.now_ms,
        "seed": round.seed,
        **given,
        **({"policy": plain(round.policy)} if round.policy else {}),
        "new_series": [[one.first, [key.hex() for key in one.keys]] for one in telemetry.new_series],
        "samples": [one.times.size for one in telemetry.samples],
        "logs": [plain(one) for one in telemetry.logs],
        "spans": [plain(one) for one in telemetry.spans],
    }


def contents(recording: bytes) -> Iterator[Beginning | Round]:
    """Yield what a recording holds, in order; raises `InvalidInput` with the offset of the first damage."""
    if not recording.startswith(FIRST_LINE):
        wrong = next((at for at, byte in enumerate(FIRST_LINE) if recording[at : at + 1] != bytes([byte])), 0)
        raise InvalidInput(f"byte {wrong}: this is not a recording: it does not begin with {FIRST_LINE.decode()!r}")
    at = len(FIRST_LINE)
    while at < len(recording):
        body, following = _body(recording, at)
        yield _content(body, at)
        at = following


def _body(recording: bytes, at: int) -> tuple[bytes, int]:
    if at + _HEAD.size > len(recording):
        raise InvalidInput(f"byte {len(recording)}: the recording was cut off inside the frame that begins at {at}")
    length, checksum = _HEAD.unpack_from(recording, at)
    start = at + _HEAD.size
    if length > _LONGEST:
        raise InvalidInput(f"byte {at}: a frame of {length} bytes is longer than any: the recording is damaged here")
    if start + length > len(recording):
        raise InvalidInput(f"byte {len(recording)}: the recording was cut off inside the frame that begins at {at}")
    body = recording[start : start + length]
    if (found := zlib.crc32(body)) != checksum:
        raise InvalidInput(_damage(body, found, checksum, at))
    return body, start + length


def _damage(body: bytes, found: int, told: int, at: int) -> str:
    """Say where a frame is damaged: at its one wrong byte, or at its beginning where more than one is wrong."""
    of_checksum, of_body = wrong_byte_of(found, told), wrong_byte(body, told)
    if of_checksum is not None:
        return f"byte {at + _CHECKSUM_AT + of_checksum}: the checksum of the frame that begins at {at} is damaged here"
    if of_body is not None:
        return f"byte {at + _HEAD.size + of_body}: the frame that begins at {at} is damaged here"
    return f"byte {at}: the frame that begins here is damaged: its checksum does not fit"


def _content(body: bytes, at: int) -> Beginning | Round:
    try:
        content = bytes(cramjam.zstd.decompress(body))
        (size,) = _SIZE.unpack_from(content)
        start = _SIZE.size + size
        head = orjson.loads(content[_SIZE.size : start])
        if "beginning" in head:
            learnt, state = head["beginning"]
            return Beginning(content[start : start + learnt], content[start + learnt : start + learnt + state])
    except (cramjam.DecompressionError, struct.error, TypeError, ValueError) as error:
        raise InvalidInput(f"byte {at}: the frame that begins here holds no round: {error}") from error
    return _round(head, content, start, at)


def _round(head: dict[str, Any], content: bytes, start: int, at: int) -> Round:
    try:
        now_ms, seed = head["now_ms"], head["seed"]
        values: dict[str, Any] = {name: read(kind, head[name]) for name, kind in _VALUES.items() if name in head}
        policy = read(Policy, head["policy"]) if "policy" in head else None
        telemetry = Telemetry(
            tuple(NewSeries(first, tuple(bytes.fromhex(key) for key in keys)) for first, keys in head["new_series"]),
            tuple(_samples(content, start, head["samples"])),
            tuple(LogColumns(**one) for one in head["logs"]),
            tuple(SpanColumns(**one) for one in head["spans"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"byte {at}: the round that begins here is of another version: {error}") from error
    return Round(now_ms=now_ms, seed=seed, telemetry=telemetry, policy=policy, **values)


def _samples(content: bytes, at: int, sizes: list[int]) -> Iterator[SampleColumns]:
    for size in sizes:
        series = np.frombuffer(content, np.int32, size, at)
        times = np.frombuffer(content, np.int64, size, at + series.nbytes)
        values = np.frombuffer(content, np.float64, size, at + series.nbytes + times.nbytes)
        at += series.nbytes + times.nbytes + values.nbytes
        yield SampleColumns(series, times, values)
