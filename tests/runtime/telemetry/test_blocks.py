"""Merging, and blocks on disk: every sample comes back bit for bit, once, whatever border it lies at."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.engine.telemetry import TelemetryEngine
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.model.labels import METRIC_NAME, Matcher, MatchOp, encode_labels
from steersman.runtime.telemetry import block, columns, manifest, sealing
from steersman.runtime.telemetry.block import Block, BlockSeries
from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.head import Columns
from steersman.runtime.telemetry.manifest import Manifest, MetricBlock
from steersman.runtime.telemetry.merge import grouped, joined, offsets_of, ordered
from steersman.runtime.telemetry.query import combine

Row = tuple[int, int, int]

#: Bit patterns that an ordinary copy loses: staleness, other NaNs, -0.0, infinities, the smallest number.
ODD = (
    0x7FF0000000000002,
    0x7FF8000000000001,
    0xFFF8000000000000,
    1 << 63,
    0x7FF0000000000000,
    0xFFF0000000000000,
    1,
    0,
)
#: Decoders let nothing pass that lies outside 1970 to 2262.
times = st.integers(0, 12) | st.sampled_from([1_700_000_000_000, 9_223_372_036_854])
rows = st.lists(st.tuples(st.integers(0, 6), times, st.sampled_from(ODD) | st.integers(0, 2**64 - 1)), max_size=40)
few = settings(max_examples=30)


def columns_of(samples: list[Row]) -> Columns:
    return Columns(
        np.array([one[0] for one in samples], np.int32),
        np.array([one[1] for one in samples], np.int64),
        np.array([one[2] for one in samples], np.uint64).view(np.float64),
    )


def rows_of(samples: Columns) -> list[Row]:
    return list(
        zip(samples.series.tolist(), samples.times.tolist(), samples.values.view(np.uint64).tolist(), strict=True)
    )


def first_of_each(samples: list[Row]) -> list[Row]:
    kept: dict[tuple[int, int], int] = {}
    for series, time, value in samples:
        kept.setdefault((series, time), value)
    return sorted((series, time, value) for (series, time), value in kept.items())


def key(number: int) -> bytes:
    return encode_labels(((METRIC_NAME, "m"), ("n", f"{number:05d}")))


@given(rows)
def test_grouping_keeps_the_order_of_arrival_within_a_series(samples: list[Row]) -> None:
    assert rows_of(grouped(columns_of(samples), 7)) == sorted(samples, key=lambda row: row[0])


@given(rows)
def test_ordering_sorts_by_time_and_keeps_the_first_of_equal_times(samples: list[Row]) -> None:
    assert rows_of(ordered(grouped(columns_of(samples), 7))) == first_of_each(samples)


@given(rows)
def test_offsets_say_where_each_series_lies(samples: list[Row]) -> None:
    found = ordered(grouped(columns_of(samples), 7))
    offsets = offsets_of(found.series, 7).tolist()
    assert [rows_of(found)[a:b] for a, b in pairwise(offsets)] == [
        [row for row in first_of_each(samples) if row[0] == series] for series in range(7)
    ]


@given(st.lists(st.tuples(st.permutations(range(7)), rows), max_size=4))
def test_answers_from_several_places_become_one_and_earlier_places_win(
    parts: list[tuple[list[int], list[Row]]],
) -> None:
    found = combine([([key(n) for n in names], columns_of(samples)) for names, samples in parts])
    expected = first_of_each([(names[s], time, value) for names, samples in parts for s, time, value in samples])
    offsets = found.offsets.tolist()
    values = found.values.view(np.uint64).tolist()
    got = [
        (one, found.times.tolist()[at], values[at])
        for one, begin, end in zip(found.keys, offsets, offsets[1:], strict=False)
        for at in range(begin, end)
    ]
    assert sorted(got) == [(key(series), time, value) for series, time, value in expected]
    assert all(begin < end for begin, end in pairwise(offsets))


@few
@given(rows.filter(bool), st.integers(1, 9), st.lists(st.integers(0, 6), unique=True), times, times)
def test_a_block_gives_back_every_bit_of_the_series_and_times_asked_for(
    samples: list[Row], group: int, asked: list[int], one: int, other: int
) -> None:
    """Row groups of a few samples, so that ranges cross them, skip them and end at their borders."""
    start, end = sorted((one, other))
    kept = first_of_each(samples)
    numbers = sorted({series for series, _, _ in kept})
    dense = ordered(columns_of([(numbers.index(series), time, value) for series, time, value in kept]))
    owners = [BlockSeries("other" if number % 3 == 0 else DEFAULT_TENANT, key(number)) for number in numbers]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(block, "ROW_GROUP", group)
        meta = block.write(Path(folder), LocalDisk(), "block-1", 0, owners, dense)
        reader = Block(Path(folder), meta, TelemetryEngine().new_series_set)
        assert rows_of(reader.samples()) == rows_of(dense)
        assert reader.series() == owners
        assert (meta.min_ms, meta.max_ms, meta.samples) == (dense.times.min(), dense.times.max(), len(kept))
        matcher = Matcher("n", MatchOp.REGEX, "|".join(f"{number:05d}" for number in asked) or "none")
        for tenant in (DEFAULT_TENANT, Tenant("other"), Tenant("third")):
            keys, found = reader.select(tenant, [matcher], start, end)
            got = [(keys[series], time, value) for series, time, value in rows_of(found)]
            assert sorted(got) == [
                (key(series), time, value)
                for series, time, value in kept
                if series in asked
                and ("other" if series % 3 == 0 else DEFAULT_TENANT) == tenant
                and start <= time <= end
            ]


@few
@given(st.lists(rows.filter(bool), min_size=1, max_size=5))
def test_sealing_and_merging_lose_nothing_and_double_nothing(batches: list[list[Row]]) -> None:
    """Each batch is a generation that is sealed; then all blocks become one."""
    with TemporaryDirectory() as name:
        folder, disk = Path(name), LocalDisk()
        for part in ("head", "metrics", "wal"):
            (folder / part).mkdir()
        scopes, keys = np.array([n % 2 for n in range(7)], np.int32), [key(n) for n in range(7)]
        frame = b"".join(columns.series_frame(scopes, np.array([len(one) for one in keys]), b"".join(keys)))
        (folder / "head/series-1").write_bytes(frame)
        known = Manifest(
            tenants=("default", "other"), series=(manifest.SeriesFile(1, "series-1", len(frame)),), next_file=9
        )
        for number, batch in enumerate(batches):
            content = b"".join(b"".join(columns.sample_frames([columns_of([row])])) for row in batch)
            (folder / f"head/{number}").write_bytes(content)
            saved = manifest.GenerationFile(number, 1, str(number), len(content), len(batch))
            known = replace(known, generations=(*known.generations, saved))
        manifest.commit(folder, disk, known)
        made = [sealing.seal(folder, disk, number, f"block-{number}") for number in range(len(batches))]
        for meta, batch in zip(made, batches, strict=True):
            assert read(folder, meta) == first_of_each(batch)
        merged = sealing.merge(folder, disk, "merged", made)
        assert read(folder, merged) == first_of_each([row for batch in batches for row in batch])
        assert merged.samples == len(read(folder, merged))
        assert all(Block(folder / "metrics", meta).problems() == [] for meta in (*made, merged))


def read(folder: Path, meta: MetricBlock) -> list[Row]:
    """The samples of a block under the numbers that their keys had, if their tenant is the right one."""
    reader = Block(folder / "metrics", meta)
    series = reader.series()
    assert series == sorted(series, key=lambda one: (one.tenant, one.key))
    numbers = [int(one.key[-5:]) for one in series]
    assert [one.tenant for one in series] == ["other" if number % 2 else "default" for number in numbers]
    return sorted((numbers[place], time, value) for place, time, value in rows_of(reader.samples()))


def test_parts_end_to_end_may_be_none() -> None:
    assert rows_of(joined([])) == []


blocks = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([1, 1000, 10_000_000, 31_000_000, 32_000_000])),
    max_size=25,
)


def meta(number: int, day: int, level: int, samples: int) -> MetricBlock:
    start = day * sealing.DAY_MS + number
    return MetricBlock(f"b{number}", samples, 1, start, start + 10, samples * 2, level, 0, 0)


@given(blocks, st.integers(0, 6 * sealing.DAY_MS))
def test_merging_by_plan_ends_and_neither_mixes_days_nor_breaks_the_order_of_intake(
    described: list[tuple[int, int, int]], now_ms: int
) -> None:
    left = [meta(number, *one) for number, one in enumerate(described)]
    samples = sum(one.samples for one in left)
    for _ in range(len(described) + 1):
        chosen = sealing.plan_merge(SimpleNamespace(metric_blocks=tuple(left)), now_ms)
        if not chosen:
            break
        places = [left.index(one) for one in chosen]
        assert len(chosen) >= 2
        assert places == sorted(places)
        assert len({one.min_ms // sealing.DAY_MS for one in chosen}) == 1
        assert sum(one.samples for one in chosen) <= sealing.LARGEST
        made = replace(
            chosen[0],
            name="+".join(one.name for one in chosen),
            samples=sum(one.samples for one in chosen),
            level=max(one.level for one in chosen) + 1,
            max_ms=max(one.max_ms for one in chosen),
        )
        left = [one for one in left if one not in chosen]
        left.insert(places[0], made)
    else:
        raise AssertionError("merging does not end")
    assert sum(one.samples for one in left) == samples
