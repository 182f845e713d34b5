"""Packed arrays come back as they were, structured ones too, and damage is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.recording.arrays import pack, unpack
from steersman.model.errors import InvalidInput

ARRAYS = {
    "rows": np.array([(1, 2.5), (3, np.nan)], [("a", np.int32), ("b", np.float32)]),
    "text": np.frombuffer(b"keys", np.uint8),
    "none": np.empty((0, 3), np.float64),
}


def test_arrays_come_back_as_they_were() -> None:
    """Types, shapes and bits survive, in one spelling."""
    back = unpack(pack(ARRAYS))
    assert {name: (one.dtype, one.shape, one.tobytes()) for name, one in back.items()} == {
        name: (one.dtype, one.shape, one.tobytes()) for name, one in ARRAYS.items()
    }
    assert pack(dict(reversed(ARRAYS.items()))) == pack(ARRAYS)


@given(st.data())
def test_damage_is_refused(data: st.DataObject) -> None:
    """A flipped bit or a missing end never reads as other arrays."""
    packed = bytearray(pack(ARRAYS))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= 1 << data.draw(st.integers(0, 7))
    damaged = bytes(packed) if data.draw(st.booleans()) else pack(ARRAYS)[:at]
    with pytest.raises(InvalidInput):
        unpack(damaged)
