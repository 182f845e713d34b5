"""The live page's history out of stored series."""

from __future__ import annotations

import asyncio

import numpy as np

from steersman.model.labels import canonical, encode_labels
from steersman.runtime.telemetry.query import Selection
from steersman.services.telemetry.jobs.live import recall
from steersman.services.telemetry.jobs.machine import Machine, Place
from steersman.services.telemetry.logic.live import Feed
from steersman.services.telemetry.logic.recall import MATCHERS, Series, recalled

MEMORY: list[Series] = [
    ((("__name__", "node_memory_MemTotal_bytes"),), [1000, 6000], [100.0, 100.0]),
    ((("__name__", "node_memory_MemAvailable_bytes"),), [1000, 6000], [60.0, 50.0]),
]
CPU: list[Series] = [
    ((("__name__", "node_cpu_seconds_total"), ("cpu", "0"), ("mode", mode)), [1000, 6000], [1.0, 2.0])
    for mode in ("user", "nice", "system", "idle")
]


def test_modes_and_devices_are_added_up() -> None:
    """Nice is user time, both disks are the disk, and traffic with itself is none."""
    traffic: list[Series] = [
        ((("__name__", "node_network_receive_bytes_total"), ("device", name)), [1000, 6000], [10.0, 30.0])
        for name in ("eth0", "eth1", "lo")
    ]
    first, second = recalled([*MEMORY, *CPU, *traffic])
    assert (second.cores[0].user, second.cores[0].system) == (4.0, 2.0)
    assert (first.net_received, second.net_received) == (20, 60)
    assert (first.memory_used, second.memory_used) == (40, 50)


def test_an_incomplete_pass_is_left_out() -> None:
    """Half a look would draw a fall to nothing."""
    cut = [(labels, times[:1], values[:1]) for labels, times, values in CPU]
    assert [look.time_ms for look in recalled([*MEMORY, *cut])] == [1000]


def test_the_collectors_own_names_are_the_ones_that_are_recalled() -> None:
    """What a pass over this very machine writes gives the look that the page would have taken."""
    machine = Machine(Place())
    now_ns = 1_800_000_000_000_000_000
    passed = machine.readings(now_ns)
    names = MATCHERS[1].value.split("|")
    series: list[Series] = [
        (canonical({"__name__": name, **dict(labels)}), [now_ns // 1_000_000], [value])
        for name, labels, value in passed
        if name in names
    ]
    (recalled_look,), look = recalled(series), machine.look(now_ns)
    assert recalled_look.memory_total == look.memory_total
    assert len(recalled_look.cores) == len(look.cores)
    assert recalled_look.disk_read <= look.disk_read <= recalled_look.disk_read + (1 << 30)
    assert recalled_look.net_received <= look.net_received <= recalled_look.net_received + (1 << 30)


def test_the_store_fills_the_ring() -> None:
    """Keys, offsets and columns become the readings between the stored passes."""
    stored = [*MEMORY, *CPU]
    selection = Selection(
        keys=[encode_labels(labels) for labels, _, _ in stored],
        offsets=np.arange(len(stored) + 1, dtype=np.int64) * 2,
        times=np.array([time for _, times, _ in stored for time in times], np.int64),
        values=np.array([value for _, _, values in stored for value in values]),
    )

    class Clock:
        def wall_ns(self) -> int:
            return 10_000 * 1_000_000

    feed = Feed()
    asyncio.run(recall(feed, lambda *_question: selection, Clock()))
    assert [(reading.time_ms, reading.user) for reading in feed.since(0)] == [(6000, 50.0)]
