"""The host collector against Debian's node_exporter on the same machine at the same time."""

from __future__ import annotations

import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from steersman.model.telemetry import MetricType
from steersman.services.telemetry.jobs.machine import Machine, Place, Processes
from steersman.services.telemetry.logic.host.disks import IGNORED_FILE_SYSTEMS, IGNORED_MOUNT_POINTS
from steersman.services.telemetry.logic.host.families import describe
from steersman.services.telemetry.logic.host.readings import Reading

pytestmark = pytest.mark.needs("node_exporter")

BINARY = "prometheus-node-exporter"
Key = tuple[str, frozenset[tuple[str, str]]]

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

#: What cannot change between two reads of a second.
EXACT = re.compile(
    r"node_(boot_time|uname_info|filesystem_(size|readonly|files$|device_error)|network_(mtu|speed|up|info|carrier$|transmit_queue)"
    r"|memory_(MemTotal|SwapTotal|Hugepagesize|VmallocTotal)|filefd_maximum|entropy_pool)"
)
#: A gauge may move, yet not by more than half and this; a wrong unit is off by a factor of 100 or more.
SLACK = {"bytes": 256e6, "other": 50.0}


@dataclass(frozen=True)
class Page:
    types: dict[str, str]
    samples: dict[Key, float]


def parse(text: str) -> Page:
    types, samples = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            types[name] = kind
        elif match := _SAMPLE.match(line):
            labels = frozenset((n, v.replace('\\\\"', '"')) for n, v in _LABEL.findall(match[2] or "") if v)
            samples[match[1], labels] = float(match[3])
    return Page(types, samples)


def keyed(readings: list[Reading]) -> dict[Key, float]:
    return {(name, frozenset(pairs)): value for name, pairs, value in readings}


@pytest.fixture(scope="module")
def exporter() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        BINARY,
        f"--web.listen-address={address}",
        "--collector.processes",
        # Debian narrows two of the project's own defaults.
        "--collector.netdev.device-exclude=",
        f"--collector.filesystem.mount-points-exclude={IGNORED_MOUNT_POINTS}",
        f"--collector.filesystem.fs-types-exclude={IGNORED_FILE_SYSTEMS}",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://{address}/").close()
                break
            except urllib.error.URLError:
                time.sleep(0.05)
        yield f"http://{address}/metrics"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def pages(exporter: str) -> tuple[dict[Key, float], Page, dict[Key, float]]:
    """Our reading, theirs, ours again."""
    machine, processes = Machine(Place()), Processes(Place(), (), 50)
    urllib.request.urlopen(exporter).close()

    def ours() -> dict[Key, float]:
        return keyed(machine.readings(time.time_ns()) + processes.readings())

    before = ours()
    with urllib.request.urlopen(exporter) as answer:
        theirs = parse(answer.read().decode())
    return before, theirs, ours()


def shared(before: dict[Key, float], theirs: Page) -> set[str]:
    return {name for name, _ in before} & set(theirs.types)


def test_every_node_family_is_also_theirs(pages: tuple[dict[Key, float], Page, dict[Key, float]]) -> None:
    """No name of ours is made up; a family that only one kernel's reader knows would show here."""
    before, theirs, _ = pages
    assert {name for name, _ in before if name.startswith("node_")} - set(theirs.types) == set()
    assert len(shared(before, theirs)) > 150


def test_types_are_theirs(pages: tuple[dict[Key, float], Page, dict[Key, float]]) -> None:
    """node_exporter calls a metric that it knows nothing about untyped."""
    before, theirs, _ = pages
    names = {MetricType.UNKNOWN: "untyped"}
    for name in shared(before, theirs):
        assert names.get(describe(name).type, describe(name).type.value) == theirs.types[name], name


def test_series_are_theirs(pages: tuple[dict[Key, float], Page, dict[Key, float]]) -> None:
    """Every family has the same series with the same labels; the states of processes come and go."""
    before, theirs, _ = pages
    names = shared(before, theirs) - {"node_processes_state"}
    ours = {key for key in before if key[0] in names}
    assert ours == {key for key in theirs.samples if key[0] in names}


def test_values_are_theirs(pages: tuple[dict[Key, float], Page, dict[Key, float]]) -> None:
    """A counter of theirs lies between ours before and after; a gauge is near; what is fixed is equal."""
    before, theirs, after = pages
    for key in before.keys() & theirs.samples.keys() & after.keys():
        low, value, high = before[key], theirs.samples[key], after[key]
        if EXACT.match(key[0]):
            assert value == low, key
        elif describe(key[0]).type is MetricType.COUNTER:
            assert low * (1 - 1e-9) <= value <= high * (1 + 1e-9), key
        else:
            slack = SLACK["bytes" if key[0].endswith("bytes") else "other"]
            assert abs(value - low) <= 0.5 * max(abs(value), abs(low)) + slack, key
