"""`steersman prove mutations`: damaged remote write bodies, read by the Numba decoder and by the protobuf library.

Both must accept the same bodies and find the same label sets, times and values in them, bit for bit; any exception
but the one that becomes a 4xx is a failure, and so is a read out of bounds, for which a second run compiles the
decoder with bounds checks. The oracle's rules are written here anew, not taken from the decoder.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Annotated, Any

import cramjam
import typer
from google.protobuf.message import DecodeError

from steersman.engine.decode.proto import remote_write_v1_pb2 as proto
from steersman.engine.decode.remote_write import Scan, scan
from steersman.engine.series.series_set import SeriesSet
from steersman.model.errors import InvalidInput, Permanent
from steersman.model.ids import DEFAULT_TENANT
from steersman.services.telemetry.commands.bench import report
from steersman.services.telemetry.commands.bench.fleet import host_labels
from steersman.services.telemetry.commands.bench.sidecar import Sidecar
from steersman.services.telemetry.commands.prove.odd_requests import odd_request

#: A sample as (canonical label bytes, milliseconds, the value's 64 bits).
Sample = tuple[bytes, int, bytes]

_TELLING = bytes((0x00, 0x01, 0x08, 0x09, 0x0A, 0x10, 0x12, 0x1A, 0x22, 0x7F, 0x80, 0xFF))
_STALE = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]
_MOST_NEW_SERIES = 5_000
#: The store's times end where nanoseconds leave an int64, in April 2262.
_LAST_MS = (2**63 - 1) // 1_000_000


def _labels(pairs: Sequence[tuple[str, str]]) -> list[proto.Label]:
    return [proto.Label(name=name, value=value) for name, value in pairs]


def expected(body: bytes) -> list[Sample] | None:
    """What a body holds according to the protobuf library and the specification; None when it must be refused."""
    try:
        request = proto.WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body)))
    except (DecodeError, cramjam.DecompressionError):
        return None
    samples: list[Sample] = []
    for series in request.timeseries:
        labels = {label.name: label.value for label in series.labels}
        if len(labels) < len(series.labels) or "" in labels or not labels.get("__name__"):
            return None
        times = [sample.timestamp for sample in series.samples]
        times += [exemplar.timestamp for exemplar in series.exemplars]
        if not all(0 <= time <= _LAST_MS for time in times):
            return None
        present = sorted((name, value) for name, value in labels.items() if value)
        key = proto.TimeSeries(labels=_labels(present)).SerializeToString()
        samples.extend((key, one.timestamp, struct.pack("<d", one.value)) for one in series.samples)
    return samples


class Reader:
    """The decoder under test with a growing set of known series, as a store has one."""

    def __init__(self) -> None:
        self._series = SeriesSet()
        self._scope = self._series.scope(DEFAULT_TENANT)

    def read(self, body: bytes) -> list[Sample] | None:
        """What the decoder finds in a body; None when it refuses it."""
        try:
            found = scan(body, self._series, self._scope)
        except InvalidInput:
            return None
        rows = zip(found.series.tolist(), found.times.tolist(), found.values, strict=True)
        samples = [(self._key(found, series), time, value.tobytes()) for series, time, value in rows]
        if self._series.size < _MOST_NEW_SERIES:
            self._register(found)
        return samples

    def _key(self, found: Scan, series: int) -> bytes:
        return found.unknown[-1 - series][1] if series < 0 else self._series.canonical(series)

    def _register(self, found: Scan) -> None:
        numbers = self._series.add(self._scope, [key for _, key in found.unknown])
        for (spelling, key), number in zip(found.unknown, numbers.tolist(), strict=True):
            if spelling != key:
                self._series.add_spelling(self._scope, spelling, number)


def corpus() -> list[bytes]:
    """Sound requests, uncompressed: what senders write, and every legal oddity that a reader has to know."""
    fleet = [
        proto.TimeSeries(labels=_labels(labels), samples=[proto.Sample(value=number, timestamp=1_700_000_000_000)])
        for number, labels in enumerate(host_labels(1, 4))
    ]
    name = ("__name__", "up")
    several = [proto.Sample(value=1.5 * n, timestamp=1_700_000_000_000 + n) for n in range(5)]
    unsorted = proto.TimeSeries(labels=_labels([("zone", "a"), name]), samples=several[:2])
    empty_value = proto.TimeSeries(labels=_labels([name, ("gone", "")]), samples=several[:1])
    odd = proto.TimeSeries(
        labels=_labels([name, ("région", "日本")]),
        samples=[proto.Sample(value=_STALE, timestamp=1), proto.Sample()],
        exemplars=[proto.Exemplar(labels=_labels([("trace_id", "abc")]), value=2.0, timestamp=5)],
    )
    metadata = proto.MetricMetadata(metric_family_name="up", help="Whether it answers.", unit="")
    requests = [
        proto.WriteRequest(timeseries=fleet),
        proto.WriteRequest(timeseries=[proto.TimeSeries(labels=_labels([name]), samples=several), *fleet[:1]]),
        proto.WriteRequest(timeseries=[unsorted, empty_value, odd], metadata=[metadata]),
        proto.WriteRequest(timeseries=[proto.TimeSeries(labels=_labels([name]))], metadata=[metadata]),
    ]
    plain = [request.SerializeToString() for request in requests]
    samples_first = proto.TimeSeries(samples=several[:1]).SerializeToString()
    backwards = samples_first + proto.TimeSeries(labels=_labels([name])).SerializeToString()
    unknown_field = b"\x7a\x03new"
    plain.append(b"\x0a" + bytes([len(backwards)]) + backwards + unknown_field)
    return plain


def _flip(random: Random, data: bytearray, at: int) -> None:
    data[at] ^= 1 << random.randrange(8)


def _overwrite(random: Random, data: bytearray, at: int) -> None:
    data[at] = random.choice(_TELLING)


def _shift(random: Random, data: bytearray, at: int) -> None:
    data[at] = (data[at] + random.choice((-2, -1, 1, 2))) & 0xFF


def _insert(random: Random, data: bytearray, at: int) -> None:
    data[at:at] = random.choice((random.randbytes(random.randrange(1, 12)), bytes([random.choice(_TELLING)])))


def _delete(random: Random, data: bytearray, at: int) -> None:
    del data[at : at + random.choice((1, 1, 2, random.randrange(1, 40)))]


def _cut(random: Random, data: bytearray, at: int) -> None:
    del data[at:]


def _repeat(random: Random, data: bytearray, at: int) -> None:
    data[at:at] = data[at : at + random.randrange(1, 60)]


def _lengthen(random: Random, data: bytearray, at: int) -> None:
    """Write a byte as a varint that takes more bytes than it needs, up to and beyond the ten that are allowed."""
    low = data[at] & 0x7F
    data[at : at + 1] = bytes([low | 0x80]) + b"\x80" * random.randrange(10) + bytes([random.choice((0, 1, 0x7F))])


_MUTATIONS: tuple[Callable[[Random, bytearray, int], None], ...] = (
    _flip,
    _overwrite,
    _shift,
    _insert,
    _delete,
    _cut,
    _repeat,
    _lengthen,
)


def mutated(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return the body of one request: odd but sound, or damaged before compression and now and then behind it."""
    if random.random() < 0.3:
        return bytes(cramjam.snappy.compress_raw(odd_request(random)))
    data = bytearray(random.choice((random.choice(seeds), odd_request(random) or b"\x0a")))
    if random.random() < 0.1:
        other = random.choice(seeds)
        data = data[: random.randrange(len(data))] + other[random.randrange(len(other)) :]
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        if data:
            random.choice(_MUTATIONS)(random, data, random.randrange(len(data)))
    body = bytearray(cramjam.snappy.compress_raw(bytes(data)))
    if random.random() < 0.05:
        _flip(random, body, random.randrange(len(body)))
    return bytes(body)


@dataclass(slots=True)
class Tally:
    """What came of the bodies; `wrong` holds the first that were read differently, as hex."""

    bodies: int = 0
    accepted: int = 0
    samples: int = 0
    differing: int = 0
    wrong: list[str] | None = None


def run(count: int, seed: int) -> Tally:
    """Read `count` damaged bodies both ways. An unexpected exception ends the run and names the body."""
    random = Random(seed)  # noqa: S311 - damage, not secrets
    seeds, reader, tally = corpus(), Reader(), Tally(wrong=[])
    for plain in seeds:
        reader.read(bytes(cramjam.snappy.compress_raw(plain)))
    for _ in range(count):
        body = mutated(random, seeds)
        wanted = expected(body)
        try:
            found = reader.read(body)
        except Exception as problem:
            problem.add_note(f"the decoder failed on the body {body.hex()}")
            raise
        tally.bodies += 1
        tally.accepted += wanted is not None
        tally.samples += len(wanted or ())
        if found != wanted:
            tally.differing += 1
            if tally.wrong is not None and len(tally.wrong) < 10:
                tally.wrong.append(body.hex())
    return tally


def _figures(tally: Tally) -> dict[str, Any]:
    return {
        "bodies": tally.bodies,
        "accepted": tally.accepted,
        "samples": tally.samples,
        "read_differently": tally.differing,
        "examples": tally.wrong,
    }


def _with_bounds_checks(count: int, seed: int) -> dict[str, Any]:
    """Run in a process whose decoder was compiled with bounds checks, into a kernel cache of its own."""
    with tempfile.TemporaryDirectory(prefix="steersman-kernels-") as cache:
        environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": cache}
        with Sidecar(__name__, {"count": count, "seed": seed}, environment=environment) as child:
            return child.ready


def mutations(
    *,
    count: Annotated[int, typer.Option(help="Damaged bodies to read.")] = 200_000,
    seed: Annotated[int, typer.Option(help="The same seed damages the same way.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read damaged remote write bodies with the decoder and with the protobuf library, and compare."""
    figures = {
        **report.circumstances([]),
        "seed": seed,
        "decoder": _figures(run(count, seed)),
        "decoder_with_bounds_checks": _with_bounds_checks(max(1, count // 4), seed + 1),
    }
    report.emit(figures, as_json=as_json)
    if figures["decoder"]["read_differently"] or figures["decoder_with_bounds_checks"]["read_differently"]:
        raise Permanent("the decoder read bodies differently than the protobuf library")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_figures(run(**json.loads(sys.argv[1])))) + "\n")
