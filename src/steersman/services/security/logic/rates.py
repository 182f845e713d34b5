"""The generic cell rate algorithm (ITU-T I.371), for batches: one number per caller says what has been used up.

Failures that fade are the same number read the other way: each adds its time, and what is ahead of now still counts.
"""

from __future__ import annotations

_MINUTE_MS = 60_000.0


def granted(used_until_ms: float, now_ms: float, limit: int, wanted: int) -> tuple[float, int, float]:
    """Return the new number, how many requests are granted, and after how many seconds there is one if none is.

    A caller who was silent for a minute has the whole of a minute's allowance at once.
    """
    each = _MINUTE_MS / limit
    used = max(used_until_ms, now_ms)
    room = int((now_ms + _MINUTE_MS - used) / each + 1e-9)
    count = max(0, min(wanted, room))
    if count:
        return used + count * each, count, 0.0
    return used, 0, max(0.001, (used + each - now_ms - _MINUTE_MS) / 1000)


def faded(used_until_ms: float, now_ms: float, *, added: int, each_ms: float, most: int) -> tuple[float, float]:
    """Return the new number, and how many failures count by it, after some more."""
    used = min(now_ms + most * each_ms, max(used_until_ms, now_ms) + added * each_ms)
    return used, (used - now_ms) / each_ms
