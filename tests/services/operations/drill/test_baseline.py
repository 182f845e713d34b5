"""The composed fourteen days: what was measured, in the order of the curve, written as any sender would."""

from __future__ import annotations

from pathlib import Path

import cramjam
import numpy as np
import pytest

from steersman.engine.decode.proto import remote_write_v1_pb2 as remote_write
from steersman.model.errors import InvalidInput
from steersman.model.labels import Labels, canonical
from steersman.services.operations.commands.drill import recording as recordings
from steersman.services.operations.commands.drill.baseline import DAYS, LEVELS, Hour, compose, load_at
from steersman.services.operations.commands.drill.recording import Recording, Window, recording
from steersman.services.operations.commands.drill.remote_write import body

END_MS = 1_764_000_000_000
BEGIN = 1_763_999_000.0
SECONDS = 12


def named(name: str, **labels: str) -> Labels:
    return canonical({"__name__": name, "service": "orders", **labels})


GAUGE, COUNTER, CLOCK, START, RARE = (
    named("http_requests_in_flight"),
    named("http_requests_total", code="200"),
    named("wall_clock_seconds"),
    named("process_start_time_seconds"),
    named("queue_length"),
)


def windows(levels: tuple[float, ...] = LEVELS) -> list[Window]:
    made = []
    for place, level in enumerate(levels):
        begin = BEGIN + 20 * place
        times = [begin + 0.5 + second for second in range(-1, SECONDS + 1)]
        series = {
            GAUGE: [(at, 10 * level + second % 3) for second, at in enumerate(times)],
            COUNTER: [(at, 1_000 * place + 100 * level * second) for second, at in enumerate(times)],
            CLOCK: [(at, at + 7) for at in times],
            START: [(at, BEGIN - 60) for at in times],
        }
        if level == 1.0:
            series[RARE] = [(at, 4.0) for at in times]
        made.append(Window(level, begin, series))
    return made


def found() -> Recording:
    return recording(windows(), SECONDS)


def column(made: Recording, name: Labels, days: int = 1) -> tuple[np.ndarray, np.ndarray]:
    hours = list(compose(made, END_MS, days))
    place = made.labels.index(name)
    return np.concatenate([one.times for one in hours]), np.concatenate([one.values[:, place] for one in hours])


def test_fourteen_days_end_where_the_drill_begins_without_a_gap() -> None:
    times, _ = column(found(), GAUGE, DAYS)
    assert len(times) == DAYS * 24 * 60
    assert set(np.diff(times)) == {60_000}
    assert END_MS - times[-1] == 60_000


def test_the_hours_around_the_drill_have_the_ordinary_load_on_every_working_day() -> None:
    assert {load_at(hours) for hours in (1, 2, 24, 25, 23, 168, 169, 7 * 24 - 1)} == {1.0}


def test_a_day_has_a_peak_and_a_night_and_a_week_has_days_of_rest() -> None:
    day = [load_at(hours) for hours in range(1, 25)]
    assert (min(day), max(day)) == (0.4, 1.6)
    assert [load_at(24 * days) for days in range(1, 8)].count(0.6) == 2


def test_every_hour_of_the_week_asks_for_about_a_level_that_was_recorded() -> None:
    asked = {load_at(hours) for hours in range(1, 169)}
    assert max(min(abs(load - level) for level in LEVELS) for load in asked) <= 0.161


def test_a_gauge_has_only_values_that_were_measured_at_the_level_of_the_curve() -> None:
    _, values = column(found(), GAUGE)
    assert set(values[-60:]) == {10.0, 11.0, 12.0}


def test_a_counter_rises_all_along_by_sixty_times_what_it_rose_in_a_second() -> None:
    _, values = column(found(), COUNTER, DAYS)
    rises = np.diff(values)
    assert rises.min() > 0
    assert np.allclose(rises[-59:], 60 * 100)


def test_a_clock_keeps_its_distance_from_the_true_time() -> None:
    times, values = column(found(), CLOCK)
    assert np.allclose(values - times / 1000, 7)


def test_the_time_of_a_start_is_no_clock() -> None:
    _, values = column(found(), START)
    assert set(values) == {BEGIN - 60}


def test_what_was_not_measured_at_a_level_is_not_sent_there() -> None:
    _, values = column(found(), RARE)
    assert np.isnan(values).any()
    assert set(values[~np.isnan(values)]) == {4.0}


def test_a_counter_that_restarts_while_it_is_recorded_never_falls() -> None:
    made = windows((1.0,))
    points = list(made[0].series[COUNTER])
    points[6:] = [(at, 5.0 * place) for place, (at, _) in enumerate(points[6:])]
    broken = recording([Window(1.0, BEGIN, {COUNTER: points})], SECONDS)
    _, values = column(broken, COUNTER)
    assert np.diff(values).min() >= 0


def test_a_counter_that_is_scraped_every_five_seconds_rises_evenly() -> None:
    points = [(BEGIN + at, 10.0 * at) for at in (-4.0, 1.0, 6.0, 11.0, 16.0)]
    made = recording([Window(1.0, BEGIN, {COUNTER: points})], SECONDS)
    assert np.allclose(np.diff(made.values[0, :, 0]), 10.0)


def test_the_same_recording_gives_the_same_days() -> None:
    first, second = (column(found(), COUNTER)[1] for _ in range(2))
    assert np.array_equal(first, second)


def test_a_recording_survives_its_file_and_anything_else_is_refused(tmp_path: Path) -> None:
    recordings.save(found(), tmp_path / "recording.npz")
    again = recordings.load(tmp_path / "recording.npz")
    assert (again.labels, again.levels) == (found().labels, found().levels)
    assert np.array_equal(again.values, found().values, equal_nan=True)
    (tmp_path / "recording.npz").write_text("no archive")
    with pytest.raises(InvalidInput, match="--fresh"):
        recordings.load(tmp_path / "recording.npz")


def test_protobuf_reads_what_is_written_without_what_is_not_a_number() -> None:
    times = END_MS + 60_000 * np.arange(3)
    hour = Hour(times, np.array([[1.5, np.nan], [0.0, np.nan], [-2.0, 9.0]]))
    request = remote_write.WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body([GAUGE, COUNTER], hour))))
    first, second = request.timeseries
    assert [(one.name, one.value) for one in second.labels] == list(COUNTER)
    assert [(one.timestamp, one.value) for one in first.samples] == list(zip(times, [1.5, 0.0, -2.0], strict=True))
    assert [(one.timestamp, one.value) for one in second.samples] == [(times[2], 9.0)]


def test_a_clock_that_is_looked_at_seldom_keeps_its_distance_too() -> None:
    """The host's collector reads every five seconds; what is composed from it must not look like a jump."""
    made = []
    for window in windows():
        times = [window.begin - 2.5 + 5 * look for look in range(4)]
        made.append(Window(window.level, window.begin, {CLOCK: [(at, at + 7) for at in times]}))
    found = recording(made, SECONDS)
    for hour in compose(found, END_MS, 1):
        assert np.allclose(hour.values[:, 0] - hour.times / 1000, 7.0)
