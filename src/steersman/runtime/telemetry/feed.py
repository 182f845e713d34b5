"""What came into the store since the last look, for one reader that looks once a second.

The arrays are the same that the head and the next checkpoint hold; nothing is copied. A reader that falls behind loses
the newest, and is told how much: the intake never waits for it. Nothing is kept until somebody has attached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steersman.model.rounds import NewSeries, SampleColumns, Telemetry

if TYPE_CHECKING:
    from steersman.model.ids import Tenant
    from steersman.model.telemetry import Decoded, LogColumns, SpanColumns
    from steersman.runtime.telemetry.head import Columns
    from steersman.runtime.telemetry.metrics import LiveMetrics

#: What may wait: 8 million samples are 160 MB, and a fold works off more than a million a second.
_MOST_SAMPLES = 8_000_000
_MOST_EVENTS = 200_000


class Feed:
    """Runs on the store's loop, like all that changes the store."""

    def __init__(self, tenant: Tenant) -> None:
        self.lost = 0
        self._tenant = tenant
        self._attached = False
        self._epoch, self._introduced = 0, 0
        self._numbering = 0
        self._samples: list[SampleColumns] = []
        self._logs: list[LogColumns] = []
        self._spans: list[SpanColumns] = []
        self._waiting_samples = self._waiting_events = 0

    def attach(self) -> None:
        """Begin to keep what comes in for `take`."""
        self._attached = True

    def note(self, tenant: Tenant, kept: Columns | None, decoded: Decoded, epoch: int) -> None:
        """Remember what one request added. The reader watches one tenant, and others cost it nothing."""
        if not self._attached or tenant != self._tenant:
            return
        if kept is not None and kept.times.size:
            self._renumber(epoch)
            self._note_samples(kept)
        for rows, waiting in ((decoded.logs, self._logs), (decoded.spans, self._spans)):
            if rows is not None:
                self._note_events(rows, waiting)

    def _note_samples(self, kept: Columns) -> None:
        if self._waiting_samples + kept.times.size > _MOST_SAMPLES:
            self.lost += kept.times.size
            return
        self._waiting_samples += kept.times.size
        self._samples.append(SampleColumns(kept.series, kept.times, kept.values))

    def _note_events(self, rows: LogColumns | SpanColumns, waiting: list[LogColumns] | list[SpanColumns]) -> None:
        size = len(rows.service)
        if self._waiting_events + size > _MOST_EVENTS:
            self.lost += size
            return
        self._waiting_events += size
        waiting.append(rows)  # type: ignore[arg-type] # the pairs are made in `note`

    def take(self, live: LiveMetrics) -> Telemetry:
        """Hand out what waits and begin anew; series that the reader does not know yet come with their labels."""
        self._renumber(live.epoch)
        taken = Telemetry(self._introductions(live), tuple(self._samples), tuple(self._logs), tuple(self._spans))
        self._samples, self._logs, self._spans = [], [], []
        self._waiting_samples = self._waiting_events = 0
        return taken

    def _renumber(self, epoch: int) -> None:
        """Drop what waits when the series have got other numbers meanwhile: it would name the wrong ones."""
        if epoch != self._numbering:
            self.lost += self._waiting_samples
            self._samples, self._waiting_samples = [], 0
            self._numbering = epoch

    def _introductions(self, live: LiveMetrics) -> tuple[NewSeries, ...]:
        if live.epoch != self._epoch:
            self._epoch, self._introduced = live.epoch, 0
        first, self._introduced = self._introduced, live.series.size
        if first == self._introduced:
            return ()
        return (NewSeries(first, tuple(live.series.canonical(number) for number in range(first, self._introduced))),)
