from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.runtime.telemetry.events.index import (
    DamagedIndex,
    Index,
    checksum,
    encode,
    pair,
    trigram_map,
)

ROWS = 40


def write(path: Path, postings: dict[int, set[int]], texts: tuple[bytes, ...] = (b"Timeout",)) -> Path:
    keys = np.array([key for key, rows in postings.items() for _ in rows], np.uint32)
    rows = np.array([row for rows in postings.values() for row in rows], np.int64)
    maps = np.concatenate([trigram_map([np.frombuffer(text, np.uint8)]) for text in texts])
    starts = np.linspace(0, ROWS, len(texts) + 1).astype(np.int64)
    bounds = np.zeros((len(texts), 2), np.int64)
    path.write_bytes(b"".join(encode(pair(keys, rows), bounds, starts, maps)))
    return path


@given(st.dictionaries(st.integers(0, 2**32 - 1), st.sets(st.integers(0, ROWS - 1), min_size=1), max_size=12))
def test_an_index_names_exactly_the_rows_of_each_key(
    tmp_path_factory: pytest.TempPathFactory, postings: dict[int, set[int]]
) -> None:
    path = write(tmp_path_factory.mktemp("index") / "i", postings)
    checksum(path)
    with Index(path) as index:
        for key, rows in postings.items():
            assert set(np.flatnonzero(index.rows_of(np.uint32(key))).tolist()) == rows
        absent = next(key for key in range(len(postings) + 1) if key not in postings)
        assert not index.rows_of(np.uint32(absent)).any()


def test_rows_that_lie_far_apart_are_found_again(tmp_path: Path) -> None:
    rows = np.array([0, 127, 128, 20_000, 2_100_000, 300_000_000 % 2**28], np.int64)
    pairs = pair(np.full(len(rows), 7, np.uint32), np.sort(rows))
    path = tmp_path / "i"
    starts = np.array([0, 2**28], np.int64)
    path.write_bytes(b"".join(encode(pairs, np.zeros((1, 2), np.int64), starts, trigram_map([]))))
    with Index(path) as index:
        assert np.flatnonzero(index.rows_of(np.uint32(7))).tolist() == np.sort(rows).tolist()


def test_a_row_group_without_three_bytes_of_a_text_is_left_out(tmp_path: Path) -> None:
    with Index(write(tmp_path / "i", {}, (b"Timeout", b"reset", b"time"))) as index:
        assert index.groups_with(b"time").tolist() == [True, False, True]
        assert index.groups_with(b"timeout").tolist() == [True, False, False]


@pytest.mark.parametrize("length", [0, 10, 200, -1])
def test_a_torn_index_is_refused(tmp_path: Path, length: int) -> None:
    path = write(tmp_path / "i", {1: {2}})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DamagedIndex, match=str(path)):
        Index(path)
    with pytest.raises(DamagedIndex, match=str(path)):
        checksum(path)


def test_one_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "i", {1: {2}, 5: {1, 3}, 9: set(range(30))})
    whole = path.read_bytes()
    for at in range(0, len(whole), 61):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(DamagedIndex):
            checksum(path)
