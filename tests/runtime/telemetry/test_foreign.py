"""Files of series that others wrote are read, or refused with the byte that is wrong."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steersman.model.errors import InvalidInput
from steersman.model.labels import decode_labels
from steersman.runtime.telemetry.foreign import ForeignSeries, read_series

LONG = "time,__name__,host,value\n1700000002,up,a,1\n1700000001,up,a,0\n1700000001,up,b,nan\n"


def rows(found: ForeignSeries) -> list[tuple[dict[str, str], int, float]]:
    keys = [dict(decode_labels(key)) for key in found.keys]
    columns = found.samples
    return [
        (keys[series], time, value)
        for series, time, value in zip(
            columns.series.tolist(), columns.times.tolist(), columns.values.tolist(), strict=True
        )
    ]


def test_a_row_is_a_sample_with_labels(tmp_path: Path) -> None:
    """Text columns are labels, the rows come back in the order of their time."""
    (tmp_path / "a.csv").write_text(LONG)
    found = rows(read_series(tmp_path / "a.csv"))
    assert [(labels, time) for labels, time, _ in found] == [
        ({"__name__": "up", "host": "a"}, 1_700_000_001_000),
        ({"__name__": "up", "host": "b"}, 1_700_000_001_000),
        ({"__name__": "up", "host": "a"}, 1_700_000_002_000),
    ]


def test_parquet_and_csv_say_the_same(tmp_path: Path) -> None:
    """The same rows in either form are the same series."""
    (tmp_path / "a.csv").write_text(LONG.replace("nan", "3"))
    table = pa.table(
        {
            "timestamp": pa.array([1_700_000_002_000, 1_700_000_001_000, 1_700_000_001_000], pa.timestamp("ms")),
            "__name__": ["up", "up", "up"],
            "host": ["a", "a", "b"],
            "value": [1.0, 0.0, 3.0],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert rows(read_series(tmp_path / "a.parquet")) == rows(read_series(tmp_path / "a.csv"))


def test_a_column_is_a_series_where_there_is_no_value(tmp_path: Path) -> None:
    """Wide tables name their series in the head."""
    (tmp_path / "a.csv").write_text("time,cpu,memory\n2026-01-01T00:00:00Z,1,5\n")
    assert rows(read_series(tmp_path / "a.csv")) == [
        ({"__name__": "cpu"}, 1_767_225_600_000, 1.0),
        ({"__name__": "memory"}, 1_767_225_600_000, 5.0),
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"", 0),
        (b"host,value\na,1\n", 0),
        (b"time,value\n1,2\n1,x\n", 15),
        (b"time,value\n1,2\n1\n", 15),
        (b"time,value\n1,2\n\xff,1\n", 15),
        (b"time,value\nnever,2\n", 0),
    ],
)
def test_a_bad_text_is_refused_with_its_place(tmp_path: Path, text: bytes, place: int) -> None:
    """The message begins with the first byte that is wrong."""
    (tmp_path / "a.csv").write_bytes(text)
    with pytest.raises(InvalidInput, match=f"^byte {place}:"):
        read_series(tmp_path / "a.csv")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_damaged_parquet_file_is_refused_or_reads_as_before(tmp_path: Path, data: st.DataObject) -> None:
    """No flipped bit goes through as other samples, and none ends in anything but a refusal."""
    table = pa.table({"time": [1.7e9 + at for at in range(50)], "m": [float(at) for at in range(50)]})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, write_page_checksum=True, compression="none")
    whole, content = rows(read_series(path)), bytearray(path.read_bytes())
    first_page, footer = 4, len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    at = data.draw(st.one_of(st.integers(0, 3), st.integers(first_page, footer - 1)))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        assert rows(read_series(path)) == whole
    except InvalidInput as refusal:
        assert refusal.message.startswith("byte ")  # noqa: PT017 - either of two outcomes is right
