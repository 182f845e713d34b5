"""Several at once: processes on one folder or port, senders of the same thing, work of every kind, and signals."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

QUIET = "[telemetry.host]\nenabled = false\n"
#: Every kind of work comes so often that it meets every other.
BUSY = f"{QUIET}[telemetry.store]\ncheckpoint_seconds = 0.2\nhead_bytes = 16777216\n"
#: From the issue.
STOPS_SECONDS = 5.0


def at_once(count: int, call: Callable[[int], Any]) -> list[Any]:
    """Make calls from so many threads that begin together."""
    barrier = threading.Barrier(count)

    def run(number: int) -> Any:
        barrier.wait()
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


# ------------------------------------------------------------------------------------------------- two processes


@pytest.mark.slow
def test_of_processes_that_start_together_on_one_folder_one_serves(launch: Callable[..., Any], tmp_path: Path) -> None:
    """The others name the one that holds it, end with 1, and leave it alone."""

    def begin(_: int) -> Any:
        try:
            return launch(settings=QUIET)
        except RuntimeError:
            return None

    served = [one for one in at_once(3, begin) if one is not None]
    assert len(served) == 1
    served[0].until_ready()
    assert served[0].log.count(f"is in use by the process {served[0].process.pid}: stop that one first") == 2
    assert "Traceback" not in served[0].log
    assert served[0].samples(("a", [(time.time_ns() // 1_000_000, 1.0)])).status == 204


# --------------------------------------------------------------------------------------------- the same, at once


def test_a_series_that_many_requests_bring_at_once_is_one_series(platform: Any, now_ms: int) -> None:
    answers = at_once(50, lambda n: platform.samples(("at-once", [(now_ms + n, float(n))])).status)
    assert answers == [204] * 50
    found = platform.get("/api/v1/series", **{"match[]": '{name="at-once"}'}).json()["data"]
    assert len(found) == 1
    assert platform.values('bad_days{name="at-once"}[1h]', at=now_ms / 1000 + 1)["at-once"] == [
        (now_ms + n, float(n)) for n in range(50)
    ]


def test_the_same_request_from_many_is_stored_once(platform: Any, now_ms: int) -> None:
    """Samples are the same by series and time; each of them says that it is stored."""
    body = platform.written(*((f"same-{n}", [(now_ms, float(n))]) for n in range(100)))
    answers = at_once(20, lambda _: platform.ask("POST", "/api/v1/write", body, platform.SNAPPY))
    assert [one.headers["x-prometheus-remote-write-samples-written"] for one in answers] == ["100"] * 20
    found = platform.values('bad_days{name=~"same-.*"}[1h]')
    assert found == {f"same-{n}": [(now_ms, float(n))] for n in range(100)}


def test_of_different_values_for_one_time_one_wins_and_the_others_are_told(platform: Any, now_ms: int) -> None:
    answers = at_once(10, lambda n: platform.samples(("contested", [(now_ms, float(n))])).status)
    assert sorted(answers) == [204] + [400] * 9
    assert platform.values('bad_days{name="contested"}[1h]')["contested"] == [(now_ms, float(answers.index(204)))]


def test_one_key_pressed_by_many_has_one_effect(platform: Any) -> None:
    wish = b'{"args": {"level": "error", "logger": "steersman.example"}, "key": "pressed-by-many"}'
    path = "/api/platform/actions/set_log_level"
    answers = at_once(10, lambda _: platform.ask("POST", path, wish, platform.JSON))
    # Who comes while it is being done is told so; nobody does it again.
    assert {one.status for one in answers} <= {200, 409}
    assert sum(one.status == 200 and not one.json()["repeated"] for one in answers) == 1
    entries = platform.get("/api/platform/journal").json()["entries"]
    assert sum(one["type"] == "action.applied" for one in entries) == 1


# ---------------------------------------------------------------------------------------------- everything at once


class Lane(threading.Thread):
    """One sender with a series and lines of its own, that remembers what was acknowledged until the platform ends."""

    def __init__(self, platform: Any, name: str, start_ms: int) -> None:
        super().__init__(daemon=True)
        self._platform, self.label, self._start = platform, name, start_ms
        self._stopping = threading.Event()
        self.samples: dict[int, float] = {}
        self.lines: set[str] = set()
        self.statuses: set[int] = set()

    def end(self) -> None:
        self._stopping.set()
        self.join()

    def run(self) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            times = [self._start + number * 20 + n for n in range(20)]
            line = f"{self.label} says {number}"
            try:
                taken = self._platform.samples((self.label, [(at, float(at % 97)) for at in times]))
                if taken.status == 204:
                    self.samples |= {at: float(at % 97) for at in times}
                said = self._platform.lines(line)
                if said.status == 204:
                    self.lines.add(line)
            except OSError:
                return
            self.statuses |= {taken.status, said.status}


@contextmanager
def lanes(platform: Any, count: int, start_ms: int) -> Iterator[list[Lane]]:
    started = [Lane(platform, f"lane{n}", start_ms) for n in range(count)]
    for lane in started:
        lane.start()
    try:
        yield started
    finally:
        for lane in started:
            lane.end()


def assert_all_there(platform: Any, sent: list[Lane]) -> None:
    """What was acknowledged is there once; what was sent and not answered may be."""
    for lane in sent:
        found = platform.values(f'bad_days{{name="{lane.label}"}}[1d]').get(lane.label, [])
        assert len(dict(found)) == len(found)
        assert lane.samples.items() <= dict(found).items()
        said = platform.bodies(f'"{lane.label} says"')
        assert len(set(said)) == len(said)
        assert lane.lines <= set(said)
        assert len(said) <= len(lane.lines) + 1


@pytest.mark.slow
def test_every_answer_is_right_while_everything_happens_at_once(
    launch: Callable[..., Any], until: Callable[..., None], checked: Callable[..., Any], now_ms: int
) -> None:
    """Intake, checkpoints, seals, merges, questions and searches; what was acknowledged before a question is in it."""
    platform = launch(settings=BUSY)
    platform.until_ready()
    ballast = [(f"ballast{n}", [(now_ms + at, 1.0) for at in range(200)]) for n in range(1_000)]

    def ask_all() -> None:
        for lane in sent:
            before, spoken = dict(lane.samples), set(lane.lines)
            found = platform.values(f'bad_days{{name="{lane.label}"}}[1d]', at=time.time() + 60).get(lane.label, [])
            assert found == sorted(found)
            assert before.items() <= dict(found).items()
            assert spoken <= set(platform.bodies(f'"{lane.label} says"'))

    with lanes(platform, 4, now_ms) as sent:
        began = time.monotonic()
        step = 0
        while time.monotonic() - began < 12 or platform.metric("steersman_store_blocks") < 2:
            # Enough samples to fill the small head, so that it is sealed again and again.
            shifted = [(name, [(at + 200 * step, value) for at, value in rows]) for name, rows in ballast]
            assert platform.samples(*shifted).status == 204
            step += 1
            at_once(3, lambda _: ask_all())
    assert all(len(lane.lines) > 20 for lane in sent)
    assert {status for lane in sent for status in lane.statuses} == {204}
    assert list((platform.data / "telemetry" / "metrics").glob("*.parquet")), "nothing was sealed"
    platform.stop()
    assert checked(platform.data).returncode == 0
    again = launch(settings=BUSY)
    again.until_ready()
    found = again.values('bad_days{name=~"ballast.*"}[1d]', at=time.time() + 3600)
    assert {len(rows) for rows in found.values()} == {200 * step}
    for lane in sent:
        assert len(again.bodies(f'"{lane.label} says"')) == len(lane.lines)


# ---------------------------------------------------------------------------------------------------------- signals


@pytest.mark.slow
@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGTERM, signal.SIGTERM], [signal.SIGINT]])
def test_a_stop_under_load_is_orderly_and_loses_nothing_acknowledged(
    launch: Callable[..., Any], checked: Callable[..., Any], now_ms: int, signals: list[signal.Signals]
) -> None:
    platform = launch(settings=BUSY)
    platform.until_ready()
    with lanes(platform, 6, now_ms) as sent:
        began = time.monotonic()
        while time.monotonic() - began < 20 and min(len(lane.lines) for lane in sent) < 30:
            platform.get("/api/logs/search", query="says")
        asked = time.monotonic()
        for one in signals:
            platform.process.send_signal(one)
        assert platform.process.wait(30) == 0
        assert time.monotonic() - asked < STOPS_SECONDS
    # An answer that was promised is given: who is told to wait reads 503, nobody a 500.
    assert {status for lane in sent for status in lane.statuses} <= {204, 503}
    assert "Traceback" not in platform.log
    assert checked(platform.data).returncode == 0
    again = launch(settings=QUIET)
    again.until_ready()
    assert_all_there(again, sent)


@pytest.mark.slow
def test_a_stop_right_after_the_start_is_orderly(launch: Callable[..., Any]) -> None:
    """Whatever it was doing when the signal came."""
    for pause in (0.0, 0.1, 0.3, 0.6):
        platform = launch(settings=QUIET)
        began = time.monotonic()
        while time.monotonic() - began < pause:
            with socket.socket() as knock:
                knock.connect(("127.0.0.1", platform.port))
        assert platform.stop() < STOPS_SECONDS
    assert "Traceback" not in platform.log
