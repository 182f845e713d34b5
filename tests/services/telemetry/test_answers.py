"""The JSON of answers read back by a JSON reader; how numbers are spelled is asked of Prometheus elsewhere."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steersman.model.labels import Labels, canonical, encode_labels
from steersman.services.telemetry.logic.answers import matrix, vector

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
labels = st.dictionaries(words, words, max_size=3).map(canonical)
times = st.integers(-(10**15), 10**15)
values = st.floats()


def same(text: str, value: float) -> bool:
    read = np.float64(text.replace("Inf", "inf"))
    return bool(np.isnan(read) and np.isnan(value)) or read.tobytes() == np.float64(value).tobytes()


@given(st.lists(st.tuples(labels, values), max_size=5), times)
def test_a_vector_gives_every_series_its_value_at_the_time_of_the_question(
    rows: list[tuple[Labels, float]], at: int
) -> None:
    keys = [encode_labels(one) for one, _ in rows]
    data = json.loads(vector(keys, at, np.array([value for _, value in rows], np.float64)))
    assert data["resultType"] == "vector"
    assert [row["metric"] for row in data["result"]] == [dict(one) for one, _ in rows]
    assert all(round(row["value"][0] * 1000) == at for row in data["result"])
    assert all(same(row["value"][1], value) for row, (_, value) in zip(data["result"], rows, strict=True))


@given(st.lists(st.tuples(labels, st.lists(st.tuples(times, values), max_size=4)), max_size=5))
def test_a_matrix_gives_every_series_its_samples_and_leaves_out_the_empty(
    rows: list[tuple[Labels, list[tuple[int, float]]]],
) -> None:
    samples = [one for _, found in rows for one in found]
    offsets = np.cumsum([0, *(len(found) for _, found in rows)])
    keys = [encode_labels(one) for one, _ in rows]
    columns = (np.array([time for time, _ in samples], np.int64), np.array([value for _, value in samples], np.float64))
    data = json.loads(matrix(keys, offsets, *columns))
    filled = [(one, found) for one, found in rows if found]
    assert [row["metric"] for row in data["result"]] == [dict(one) for one, _ in filled]
    for row, (_, found) in zip(data["result"], filled, strict=True):
        assert [round(time * 1000) for time, _ in row["values"]] == [time for time, _ in found]
        assert all(same(text, value) for (_, text), (_, value) in zip(row["values"], found, strict=True))
