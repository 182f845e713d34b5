"""The store in figures: for people on the page, for `/metrics`, and for whoever decides what to do next."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steersman.runtime.telemetry.events.schema import EventKind

if TYPE_CHECKING:
    from steersman.runtime.telemetry.store import TelemetryStore


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """The store in figures. Totals count since the start of the process; `oldest_ns` is None while there is nothing."""

    series: int
    samples_total: int
    samples_per_second: float
    refused_total: int
    log_lines_total: int
    spans_total: int
    exemplars_total: int
    wal_bytes: int
    log_syncs_total: int
    head_bytes: int
    pending_samples: int
    blocks: int
    disk_bytes: int
    oldest_ns: int | None
    ready: bool
    replay_progress: float
    last_checkpoint_age_seconds: float
    checkpoints_total: int


class Rate:
    """The speed of a counter over the last seconds, from whoever asks now and then."""

    _SPAN_SECONDS = 10.0

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def per_second(self, now: float, total: int) -> float:
        """Note the counter's value and return how fast it grew over the span; 0 at first."""
        self._seen.append((now, total))
        while len(self._seen) > 2 and now - self._seen[1][0] >= self._SPAN_SECONDS:
            self._seen.popleft()
        then, before = self._seen[0]
        return (total - before) / (now - then) if now > then else 0.0


def figures(store: TelemetryStore, samples_per_second: float) -> StoreStats:
    """Read a store's figures. Cheap; from any thread."""
    known, log = store.manifest, store.log
    head_files = sum(one.bytes for one in known.series) + sum(one.bytes for one in known.generations)
    blocks = sum(one.bytes for one in known.metric_blocks) + sum(one.bytes for one in known.event_blocks)
    oldest = [one.min_ms * 1_000_000 for one in known.metric_blocks] + [one.min_ns for one in known.event_blocks]
    oldest += [one.oldest * 1_000_000 for one in store.live.generations if one.samples]
    wal_bytes = log.size if log else 0
    return StoreStats(
        series=store.live.series.size,
        samples_total=store.live.samples_total,
        samples_per_second=samples_per_second,
        refused_total=store.refused_total,
        log_lines_total=store.taken_in[EventKind.LOGS],
        spans_total=store.taken_in[EventKind.SPANS],
        exemplars_total=store.taken_in[EventKind.EXEMPLARS],
        wal_bytes=wal_bytes,
        log_syncs_total=log.syncs if log else 0,
        head_bytes=store.live.memory,
        pending_samples=store.live.pending_samples,
        blocks=len(known.metric_blocks) + len(known.event_blocks),
        disk_bytes=head_files + blocks + wal_bytes,
        oldest_ns=min(oldest, default=None),
        ready=store.ready,
        replay_progress=1.0 if store.ready else store.replayed / max(store.to_replay, 1),
        last_checkpoint_age_seconds=store.clock.monotonic() - store.checkpoints.last,
        checkpoints_total=store.checkpoints.total,
    )
