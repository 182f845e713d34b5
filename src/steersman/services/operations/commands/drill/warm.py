"""Makes a watcher warm: records the mesh at a sweep of loads, and sends the days that are composed from that.

Both ways go through the public interface, the query API on the way out and the intake on the way in; the watcher that
takes the days in runs without the mesh, learns from them as from any telemetry, and writes down what it learnt when
it stops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steersman.model.errors import Permanent
from steersman.services.operations.commands.drill import baseline, remote_write
from steersman.services.operations.commands.drill.recording import Recording, Window, labels_of, recording
from steersman.services.operations.commands.drill.waiting import pause
from steersman.services.operations.commands.drill.watcher import Watcher

#: Whole seconds of a level that are kept, and how long the mesh gets before to come to rest at it.
WINDOW_SECONDS, SETTLE_SECONDS = 12, 3
#: Scrapes of the last second have arrived by then.
_LATE_SECONDS = 1.5
_BUSY = frozenset({429, 503})
_BUSY_SECONDS = 0.5
_PATIENCE = 240
#: The loop looks once a second and may fall behind by eight million samples; so it gets a rest after so many hours.
_HOURS_AT_ONCE, _REST_SECONDS = 12, 0.5
#: After the last of them it has looked for sure, and the store has written down what it holds.
_LEARN_SECONDS = 5.0

#: Samples of two weeks ago are no mistake here, and the machine and the platform itself are not what is learnt.
SETTINGS = """\
[telemetry.store]
out_of_order_seconds = 1382400.0

[telemetry.host]
enabled = false
"""


def sweep(watcher: Watcher, now_ms: Callable[[], int], turn: Callable[[float], None]) -> Recording:
    """Turn the load through the levels and read back what the watcher scraped at each of them."""
    windows = []
    for level in baseline.LEVELS:
        turn(level)
        pause(SETTLE_SECONDS)
        begin = now_ms() / 1000
        pause(WINDOW_SECONDS + _LATE_SECONDS)
        windows.append(Window(level, begin, measured(watcher, begin)))
    return recording(windows, WINDOW_SECONDS)


def measured(watcher: Watcher, begin: float) -> dict[Any, list[tuple[float, float]]]:
    """Ask for every sample from a little before a window to its end, by series."""
    seconds = WINDOW_SECONDS + SETTLE_SECONDS
    query = f'{{__name__=~".+"}}[{seconds}s]'
    answer = watcher.get("/api/v1/query", query=query, time=begin + WINDOW_SECONDS + 0.5)
    return {
        labels_of(one["metric"]): [(float(at), float(value)) for at, value in one["values"]]
        for one in answer["data"]["result"]
    }


def send(watcher: Watcher, found: Recording, end_ms: int, days: int = baseline.DAYS) -> int:
    """Send the composed days up to `end_ms`, hour by hour in their order; return the number of samples."""
    sent = 0
    for number, hour in enumerate(baseline.compose(found, end_ms, days), 1):
        _post(watcher, remote_write.body(found.labels, hour))
        sent += int(np.count_nonzero(~np.isnan(hour.values)))
        if number % _HOURS_AT_ONCE == 0:
            pause(_REST_SECONDS)
    pause(_LEARN_SECONDS)
    return sent


def _post(watcher: Watcher, body: bytes) -> None:
    for _ in range(_PATIENCE):
        status, answer = watcher.request("POST", "/api/v1/write", body, remote_write.HEADERS)
        if status not in _BUSY:
            break
        pause(_BUSY_SECONDS)
    if status >= 300:
        raise Permanent(f"the intake answered {status} to the baseline: {answer[:300].decode(errors='replace')}")
