"""The limits that all decoders share, and the checks that name what is outside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steersman.model.errors import InvalidInput

#: What one request may unpack to. A sender's batch is some hundred kilobytes; a compression bomb is not.
MAX_UNPACKED = 128 * 1024 * 1024

#: Nanoseconds since 1970 fit into an int64 until April 2262, so this is where every time in the store ends.
MAX_TIME_NS = 2**63 - 1
MAX_TIME_MS = MAX_TIME_NS // 1_000_000

NS_PER_MS = 1_000_000
NS_PER_SECOND = 1_000_000_000


def times_ms(times: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return sample times as a column; raises `InvalidInput` for one outside 1970 to 2262."""
    column = np.array(times, dtype=np.int64)
    if column.size and (column.min() < 0 or column.max() > MAX_TIME_MS):
        wrong = column[(column < 0) | (column > MAX_TIME_MS)][0]
        raise InvalidInput(f"the time {wrong} ms is outside the years 1970 to 2262; send milliseconds since 1970 UTC")
    return column


def check_times_ns(times: Sequence[int]) -> None:
    """Raise `InvalidInput` unless every time lies within 1970 to 2262."""
    if times and (min(times) < 0 or max(times) > MAX_TIME_NS):
        wrong = next(time for time in times if not 0 <= time <= MAX_TIME_NS)
        raise InvalidInput(f"the time {wrong} ns is outside the years 1970 to 2262; send nanoseconds since 1970 UTC")
