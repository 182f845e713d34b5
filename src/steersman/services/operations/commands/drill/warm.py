"""Makes a watcher warm: records the mesh at a sweep of loads, and sends the days that are composed from that.

Both ways go through the public interface, the query API on the way out and the intake on the way in; the watcher that
takes the days in runs without the mesh, learns from them as from any telemetry, and writes down what it learnt when
it stops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from steersman.model.errors import Permanent
from steersman.model.labels import Labels
from steersman.services.operations.commands.drill import baseline, remote_write
from steersman.services.operations.commands.drill.recording import Points, Recording, Window, labels_of, recording
from steersman.services.operations.commands.drill.waiting import pause, wait_until
from steersman.services.operations.commands.drill.watcher import Watcher

#: Samples of so long before a window may be the newest of what is scraped seldom.
_BEFORE_SECONDS = 6
#: Scrapes of the last second have arrived by then.
_LATE_SECONDS = 1.5
_BUSY = frozenset({429, 503})
_BUSY_SECONDS = 0.5
_PATIENCE = 240
#: The loop may fall behind by eight million samples; so it is waited for after each day of some thousand series.
_HOURS_AT_ONCE = 24
_ROUND_SECONDS = 60.0

#: Samples of two weeks ago are no mistake here, and the machine and the platform itself are not what is learnt.
SETTINGS = """\
[telemetry.store]
out_of_order_seconds = 1382400.0

[telemetry.host]
enabled = false
"""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Which levels of load are measured, for how many whole seconds, and how long the mesh first rests at each."""

    levels: tuple[float, ...] = baseline.LEVELS
    window_seconds: int = 12
    settle_seconds: float = 3.0

    def measure(self, watcher: Watcher, now_ms: Callable[[], int], turn: Callable[[float], None]) -> Recording:
        """Turn the load through the levels and read back what the watcher scraped at each of them."""
        windows = []
        for level in self.levels:
            turn(level)
            pause(self.settle_seconds)
            begin = now_ms() / 1000
            pause(self.window_seconds + _LATE_SECONDS)
            windows.append(Window(level, begin, self._read(watcher, begin)))
        return recording(windows, self.window_seconds)

    def _read(self, watcher: Watcher, begin: float) -> dict[Labels, Points]:
        """Ask for every sample from a little before a window to its end, by series."""
        query = f'{{__name__=~".+"}}[{self.window_seconds + _BEFORE_SECONDS}s]'
        answer = watcher.get("/api/v1/query", query=query, time=begin + self.window_seconds + 0.5)
        return {
            labels_of(one["metric"]): [(float(at), float(value)) for at, value in one["values"]]
            for one in answer["data"]["result"]
        }


#: A selection has to be over soon: three levels, and half of the seconds.
SHORT = Sweep((0.4, 1.0, 1.6), 6, 2.0)


def send(watcher: Watcher, found: Recording, end_ms: int, days: int = baseline.DAYS) -> int:
    """Send the composed days up to `end_ms`, hour by hour in their order; return the number of samples.

    When it returns, the watcher's loop has taken in the last of them.
    """
    sent = 0
    for number, hour in enumerate(baseline.compose(found, end_ms, days), 1):
        _post(watcher, remote_write.body(found.labels, hour))
        sent += int(np.count_nonzero(~np.isnan(hour.values)))
        if number % _HOURS_AT_ONCE == 0:
            _wait_for_round(watcher)
    _wait_for_round(watcher)
    return sent


def _wait_for_round(watcher: Watcher) -> None:
    """Wait until the loop has begun and ended a round that takes in everything so far."""
    known = _rounds(watcher)
    wait_until(lambda: _rounds(watcher) >= known + 2, _ROUND_SECONDS, "the watcher has taken in what was sent")


def _rounds(watcher: Watcher) -> int:
    return int(watcher.get("/api/ops/status")["loop"]["rounds"])


def _post(watcher: Watcher, body: bytes) -> None:
    for _ in range(_PATIENCE):
        status, answer = watcher.request("POST", "/api/v1/write", body, remote_write.HEADERS)
        if status not in _BUSY:
            break
        pause(_BUSY_SECONDS)
    if status >= 300:
        raise Permanent(f"the intake answered {status} to the baseline: {answer[:300].decode(errors='replace')}")
