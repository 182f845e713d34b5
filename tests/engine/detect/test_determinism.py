"""Batch borders, the order of columns, and a snapshot in the middle leave no trace."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.engine.detect.senses import Senses
from steersman.model.errors import InvalidInput
from steersman.model.rounds import NewSeries, Round, SampleColumns, Telemetry
from steersman.model.telemetry import LogColumns, SpanColumns


def lively(mesh_type: Callable[..., Any]) -> list[Round]:
    mesh = mesh_type(seed=7)
    rounds = []
    for second in range(150):
        bad = 90 <= second < 120
        mesh.service("orders", failing=0.5 * bad, seconds=0.3 if bad else 0.02, queue_length=400 if bad else 3)
        mesh.service("front", rate=60.0 if bad else 20.0)
        mesh.value("oddity", float(mesh.rng.normal(5, 1)) + 80 * bad, service="front")
        mesh.now += 1_000
        if second % 3 == 2:
            rounds.append(with_events(mesh.round(), failing=bad))
    return rounds


def with_events(one: Round, *, failing: bool) -> Round:
    now_ns = one.now_ms * 1_000_000
    logs = LogColumns(
        *[[value] * 6 for value in (now_ns, 17 if failing else 9, "orders")], body=[], attributes=["{}"] * 6
    )
    logs.body = [f"cannot reach payments {at}" if failing else f"order {at} paid" for at in range(6)]
    logs.trace_id = logs.span_id = [""] * 6
    ids = [f"{one.now_ms}{at}" for at in range(2)]
    spans = SpanColumns(
        start_ns=[now_ns - 10**7] * 2, duration_ns=[10**7] * 2, trace_id=["t"] * 2, span_id=ids, parent_id=["", ids[0]],
        service=["front", "orders"], name=["GET /", "POST /orders"], kind=[2, 2], status=[2 * failing] * 2,
        status_message=[""] * 2, attributes=["{}"] * 2, resource=["{}"] * 2, events=["[]"] * 2, links=["[]"] * 2,
    )  # fmt: skip
    return replace(one, telemetry=replace(one.telemetry, logs=(logs,), spans=(spans,)))


def shuffled(one: Round, seed: int, parts: int) -> Round:
    """Deal the samples of a round into columns at random; the samples of a series keep their order."""
    rng = np.random.default_rng(seed)
    (columns,) = one.telemetry.samples
    part_of_series = rng.integers(0, parts, int(columns.series.max()) + 1)
    chosen = [np.flatnonzero(part_of_series[columns.series] == part) for part in rng.permutation(parts)]
    dealt = tuple(SampleColumns(columns.series[at], columns.times[at], columns.values[at]) for at in chosen)
    return replace(one, telemetry=replace(one.telemetry, samples=dealt))


_STORY: list[tuple[list[Round], list[Any]]] = []


@pytest.fixture(autouse=True, scope="module")
def story(mesh_type: Callable[..., Any]) -> None:
    """The rounds and what is found in them, made once."""
    rounds, senses = lively(mesh_type), Senses()
    found = [senses.fold(one) for one in rounds]
    assert len({finding.aspect for findings, _, _ in found for finding in findings}) >= 6
    _STORY[:] = [(rounds, found)]


def _told() -> tuple[list[Round], list[Any]]:
    return _STORY[0]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), parts=st.integers(1, 7))
def test_how_samples_are_dealt_into_columns_changes_no_finding(seed: int, parts: int) -> None:
    rounds, found = _told()
    senses = Senses()
    assert [senses.fold(shuffled(one, seed, parts)) for one in rounds] == found


@settings(max_examples=12, deadline=None)
@given(at=st.integers(0, 49))
def test_a_snapshot_at_any_moment_changes_nothing_that_follows(at: int) -> None:
    rounds, found = _told()
    senses = Senses()
    for one in rounds[:at]:
        senses.fold(one)
    kept = io.BytesIO()
    np.savez(kept, allow_pickle=False, **senses.export())  # type: ignore[arg-type]
    kept.seek(0)
    restored = Senses.restore(np.load(kept, allow_pickle=False))
    assert [restored.fold(one) for one in rounds[at:]] == found[at:]


def test_the_same_series_under_other_numbers_go_on_where_they_were() -> None:
    """A sender that restarts gives numbers anew; what was learnt belongs to the labels."""
    rounds, found = _told()
    senses = Senses.restore(_senses_after(rounds[:20]).export())
    names = [key for one in rounds for new in one.telemetry.new_series for key in new.keys]
    renumbered = NewSeries(1000, tuple(names))
    later = [_moved(one, 1000) for one in rounds[20:]]
    later[0] = replace(later[0], telemetry=replace(later[0].telemetry, new_series=(renumbered,)))
    assert [senses.fold(one)[0] for one in later] == [findings for findings, _, _ in found[20:]]


def test_a_snapshot_of_another_version_is_refused() -> None:
    arrays = _senses_after(_told()[0][:3]).export()
    arrays["signals"] = np.zeros(arrays["signals"].size, np.int64)
    with pytest.raises(InvalidInput, match="signals"):
        Senses.restore(arrays)


def test_numbers_that_were_never_introduced_are_passed_over() -> None:
    columns = SampleColumns(np.array([5, -1, 10**6], np.int32), np.full(3, 10**12, np.int64), np.ones(3))
    assert Senses().fold(Round(now_ms=10**12, seed=1, telemetry=Telemetry(samples=(columns,)))) == ((), (), ())


def _senses_after(rounds: list[Round]) -> Senses:
    senses = Senses()
    for one in rounds:
        senses.fold(one)
    return senses


def _moved(one: Round, by: int) -> Round:
    samples = tuple(
        SampleColumns(columns.series + by, columns.times, columns.values) for columns in one.telemetry.samples
    )
    return replace(one, telemetry=replace(one.telemetry, samples=samples, new_series=()))
