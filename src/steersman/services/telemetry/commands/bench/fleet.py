"""A fleet of hosts as a remote write sender sees it: the same series, in the same order, round after round.

The bodies are what Prometheus would send (remote write 1.0: snappy block, one sample a series, a value of zero left
out as every proto3 encoder does). A round is made by patching times and values into a template, so that making the
load costs far less than receiving it. It refuses to invent label sets at random: senders do not do that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cramjam
import numpy as np

from steersman.model.labels import Labels, encode_labels

if TYPE_CHECKING:
    from numpy import bool_, float64, int64, uint8
    from numpy.typing import NDArray

STEP_MS = 15_000
SAMPLES_A_REQUEST = 2_000

_SAMPLE = b"\x12\x10\x09" + bytes(8) + b"\x10" + bytes(6)
_VALUE_AT = 3
_TIME_AT = 12
_ZERO_SPAN = slice(2, 11)  # the tag and the eight bytes that a zero value does not have
_TIME_BYTES = 6  # milliseconds since 1970 take six varint bytes from 2004 to 3084


@dataclass(frozen=True, slots=True)
class Fleet:
    """How much is sent. Each of `hosts` has `metrics` series; `rounds` scrapes, 15 s apart, begin at `start_ms`."""

    hosts: int = 100
    metrics: int = 100
    rounds: int = 240
    start_ms: int = 1_700_000_000_000
    seed: int = 7

    @property
    def series(self) -> int:
        return self.hosts * self.metrics

    @property
    def samples(self) -> int:
        return self.series * self.rounds

    @property
    def end_ms(self) -> int:
        """The first moment behind the last sample."""
        return self.start_ms + self.rounds * STEP_MS


def host_name(number: int) -> str:
    return f"host-{number:04d}.dc{number % 3 + 1}.example.net:9100"


_CPU_MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
_DISK = (
    "reads_completed_total",
    "writes_completed_total",
    "read_bytes_total",
    "written_bytes_total",
    "io_time_seconds_total",
    "io_now",
)
_NETWORK = (
    "receive_bytes_total",
    "transmit_bytes_total",
    "receive_packets_total",
    "transmit_packets_total",
    "receive_errs_total",
    "transmit_drop_total",
)
_MEMORY = (
    "MemFree",
    "MemAvailable",
    "Buffers",
    "Cached",
    "SwapFree",
    "Dirty",
    "Slab",
    "AnonPages",
    "Mapped",
    "MemTotal",
)
_PLAIN = ("node_load1", "node_load5", "node_load15", "node_context_switches_total", "node_boot_time_seconds")


def _catalogue() -> Iterator[tuple[tuple[str, str], ...]]:
    """The series of one host without what names the host: at least 104, more by adding processors."""
    for name in _PLAIN:
        yield (("__name__", name), ("collector", name.split("_")[1]), ("unit", "1"))
    for name in _MEMORY:
        yield (("__name__", f"node_memory_{name}_bytes"), ("collector", "meminfo"), ("unit", "bytes"))
    for device in ("nvme0n1", "sda"):
        for name in _DISK:
            yield (("__name__", f"node_disk_{name}"), ("collector", "diskstats"), ("device", device))
    for device in ("eth0", "lo"):
        for name in _NETWORK:
            yield (("__name__", f"node_network_{name}"), ("collector", "netdev"), ("device", device))
    cpu = 0
    while True:
        for mode in _CPU_MODES:
            yield (("__name__", "node_cpu_seconds_total"), ("collector", "cpu"), ("cpu", str(cpu)), ("mode", mode))
        cpu += 1


def host_labels(number: int, metrics: int) -> list[Labels]:
    """The label sets of one host's series, each sorted by name, in the order in which it exposes them."""
    where = (
        ("datacenter", f"dc{number % 3 + 1}"),
        ("environment", "production" if number % 5 else "staging"),
        ("instance", host_name(number)),
        ("job", "node"),
        ("rack", f"rack-{number // 8:02d}"),
    )
    return [tuple(sorted(where + own)) for own, _ in zip(_catalogue(), range(metrics), strict=False)]


def fleet_labels(fleet: Fleet) -> list[Labels]:
    """All label sets, host by host: the row order of `Signals`."""
    return [labels for number in range(fleet.hosts) for labels in host_labels(number, fleet.metrics)]


class Signals:
    """The values of every series, one round at a time: counters, gauges and constants, whole and fractional."""

    def __init__(self, fleet: Fleet) -> None:
        self._random = np.random.default_rng(fleet.seed)
        names = [dict(labels)["__name__"] for labels in fleet_labels(fleet)]
        self._counter = np.array([name.endswith("_total") for name in names])
        self._whole = np.array([not name.startswith(("node_load", "node_cpu")) for name in names])
        constant = np.array([name.endswith(("MemTotal_bytes", "boot_time_seconds")) for name in names])
        quiet = np.array([name.endswith(("errs_total", "drop_total", "io_now")) for name in names])
        self._rate = np.where(self._whole, 10.0 ** self._random.uniform(1, 7, fleet.series), 5.0)
        self._rate[constant | quiet] = 0.0
        self._now = np.where(quiet, 0.0, np.floor(self._rate * 1_000) + np.where(constant, 1.6e9, 0.0))
        self._steady = self._random.random(fleet.series) < 0.25  # moves in one round out of eight

    def advance(self) -> NDArray[float64]:
        """Return the next round's values, one per series."""
        change = self._rate * self._random.normal(1.0, 0.2, len(self._rate)).clip(0.0)
        gauge = ~self._counter
        change[gauge] = self._rate[gauge] * self._random.normal(0.0, 0.05, int(gauge.sum()))
        change[self._steady & (self._random.random(len(change)) > 0.125)] = 0.0
        change = np.where(self._whole, np.floor(change), np.round(change, 2))
        self._now = np.where(self._whole, self._now + change, np.round(self._now + change, 2))
        return self._now


def round_times(fleet: Fleet, number: int) -> NDArray[int64]:
    """The time of each series in round `number`: one per host, spread over the step as scrapes are."""
    offsets = np.random.default_rng(fleet.seed + 1).integers(0, STEP_MS, fleet.hosts)
    return np.repeat(fleet.start_ms + number * STEP_MS + offsets, fleet.metrics)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class RequestTemplate:
    """One request's series; `body` fills in a time and a value for each of them."""

    def __init__(self, keys: list[bytes]) -> None:
        plain = bytearray()
        starts, sizes = [], []
        for key in keys:
            size = len(key) + len(_SAMPLE)
            if not 0x80 + 9 <= size < 0x4000:
                raise ValueError("a label set is too short or too long for a length of two varint bytes")
            plain += b"\x0a"
            sizes.append(len(plain))
            plain += _varint(size) + key
            starts.append(len(plain))
            plain += _SAMPLE
        self._plain = np.frombuffer(bytes(plain), np.uint8)
        self._starts = np.array(starts)
        self._size_at = np.array(sizes)
        self._size = np.array([len(key) + len(_SAMPLE) for key in keys])
        self._values_at = self._starts[:, None] + _VALUE_AT + np.arange(8)
        self._times_at = self._starts[:, None] + _TIME_AT + np.arange(_TIME_BYTES)

    def body(self, times: NDArray[int64], values: NDArray[float64]) -> bytes:
        """Return the snappy-compressed request. A value of zero takes no bytes, as on the real wire."""
        plain = self._plain.copy()
        plain[self._values_at] = np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(-1, 8)
        plain[self._times_at] = _varint_columns(times)
        zeros: NDArray[bool_] = values.view(np.int64) == 0
        if zeros.any():
            plain = self._without_values(plain, zeros)
        return bytes(cramjam.snappy.compress_raw(plain.tobytes()))

    def _without_values(self, plain: NDArray[uint8], zeros: NDArray[bool_]) -> NDArray[uint8]:
        keep = np.ones(len(plain), np.bool_)
        span = np.arange(_ZERO_SPAN.start, _ZERO_SPAN.stop)
        keep[self._starts[zeros][:, None] + span] = False
        plain[self._starts[zeros] + 1] = len(_SAMPLE) - 2 - len(span)
        size = self._size[zeros] - len(span)
        plain[self._size_at[zeros]] = size & 0x7F | 0x80
        plain[self._size_at[zeros] + 1] = size >> 7
        return plain[keep]


def _varint_columns(times: NDArray[int64]) -> NDArray[uint8]:
    """Six varint bytes of each time, as a matrix."""
    shifts = 7 * np.arange(_TIME_BYTES)
    columns = (times[:, None] >> shifts) & 0x7F
    columns[:, :-1] |= 0x80
    return columns.astype(np.uint8)


def requests(fleet: Fleet) -> Iterator[list[bytes]]:
    """Yield each round's request bodies; the n-th of every round carries the same series."""
    keys = [encode_labels(labels) for labels in fleet_labels(fleet)]
    slices = [slice(at, at + SAMPLES_A_REQUEST) for at in range(0, len(keys), SAMPLES_A_REQUEST)]
    templates = [RequestTemplate(keys[part]) for part in slices]
    signals = Signals(fleet)
    for number in range(fleet.rounds):
        values, times = signals.advance(), round_times(fleet, number)
        yield [one.body(times[part], values[part]) for one, part in zip(templates, slices, strict=True)]
