"""Two different rows never have the same bytes, and the bytes are what the description says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.audit.entry import COLUMNS, Cell, canonical
from steersman.model.errors import InvalidInput

cells = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=6), st.binary(max_size=6))
rows = st.tuples(*[cells] * len(COLUMNS))


def decoded(content: bytes) -> tuple[Cell, ...]:
    """Read the bytes back as the description of version 1 says."""
    assert content[0] == 1
    at, found = 1, list[Cell]()
    while at < len(content):
        kind, at = content[at], at + 1
        if kind == 0:
            found.append(None)
        elif kind == 1:
            found.append(int.from_bytes(content[at : at + 8], "big", signed=True))
            at += 8
        else:
            length = int.from_bytes(content[at : at + 4], "big")
            raw = content[at + 4 : at + 4 + length]
            found.append(raw.decode() if kind == 2 else raw)
            at += 4 + length
    return tuple(found)


@given(rows)
def test_the_bytes_of_a_row_can_be_read_back(row: tuple[Cell, ...]) -> None:
    """So no two rows share them: moving a character from one column to the next makes other bytes."""
    assert decoded(canonical(row)) == row


def test_the_bytes_of_version_1_stay_as_they_are() -> None:
    """Whoever verifies an old log computes the same: this is on other people's disks."""
    row = (1, "id", 2, "default", "a", "b", "c", '{"x":1}', None)
    assert canonical(row).hex() == (
        "01010000000000000001020000000269640100000000000000020200000007"
        "64656661756c7402000000016102000000016202000000016302000000077b2278223a317d00"
    )


@pytest.mark.parametrize("odd", [1.5, 2**63, "\ud800", True, {"parsed": "json"}])
def test_what_the_platform_cannot_have_written_has_no_bytes(odd: Any) -> None:
    with pytest.raises(InvalidInput, match="column"):
        canonical((odd, *[None] * (len(COLUMNS) - 1)))


def test_a_row_has_all_columns() -> None:
    with pytest.raises(InvalidInput, match="9 columns"):
        canonical((1, "id"))
