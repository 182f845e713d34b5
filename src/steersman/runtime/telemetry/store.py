"""The telemetry store: takes requests in, keeps them safe, and answers.

The order of things is what keeps every promise. A request is decoded first, so that a wrong one leaves no trace; then
its raw bytes are appended to the log and synced; then it is applied to the head, in the order of the log; then the
sender is told. A start reads the checkpoint that the manifest names and applies the rest of the log the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from steersman.model.errors import Permanent, SteersmanError, Temporary
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.model.telemetry import Decoded, MetricMetadata, MetricType, WireFormat
from steersman.runtime.telemetry import columns, manifest, wal
from steersman.runtime.telemetry.checkpoint import Checkpoints
from steersman.runtime.telemetry.commits import Commits
from steersman.runtime.telemetry.events.schema import EXEMPLARS, LOGS, SPANS, EventKind
from steersman.runtime.telemetry.events.store import EventStore
from steersman.runtime.telemetry.feed import Feed
from steersman.runtime.telemetry.head import Generation
from steersman.runtime.telemetry.metrics import LiveMetrics, Outcome, Rules
from steersman.runtime.telemetry.query import MetricQueries
from steersman.runtime.telemetry.request import Prepared, WriteReport, event_counts
from steersman.runtime.telemetry.stats import Rate, StoreStats, figures
from steersman.runtime.telemetry.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from steersman.contract.ports import Clock
    from steersman.runtime.telemetry.disk import Disk
    from steersman.runtime.telemetry.manifest import Manifest, SeriesFile
    from steersman.runtime.telemetry.ports import Engine
    from steersman.runtime.telemetry.wal import Record

#: Bodies above this are decoded on a thread of their own, so that other requests are answered meanwhile.
_INLINE_BYTES = 1 << 16
#: Acknowledged bodies that may wait in memory while the start replays the log.
_BACKLOG_BYTES = 256 << 20
#: Logs and spans are refused for a moment when so many checkpoints' worth of them waits to be written.
_CHECKPOINTS_BEHIND = 4
_SAMPLES_ONLY = frozenset(
    {
        WireFormat.REMOTE_WRITE_1,
        WireFormat.REMOTE_WRITE_2,
        WireFormat.OTLP_METRICS_PROTO,
        WireFormat.OTLP_METRICS_JSON,
        WireFormat.EXPOSITION,
        WireFormat.READINGS,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """Sizes and times of the store. Durations in seconds, sizes in bytes."""

    retention_seconds: float = 30 * 86_400.0
    retention_bytes: int = 0
    out_of_order_seconds: float = 7_200.0
    future_seconds: float = 600.0
    max_series: int = 1_500_000
    head_bytes: int = 256 << 20
    head_bytes_per_series: int = 1_500
    head_seconds: float = 7_200.0
    checkpoint_seconds: float = 20.0
    checkpoint_samples: int = 4_000_000
    checkpoint_event_bytes: int = 96 << 20
    segment_bytes: int = 64 << 20

    def rules(self) -> Rules:
        """Return what is accepted."""
        return Rules(
            retention=int(self.retention_seconds * 1000),
            window=int(self.out_of_order_seconds * 1000),
            ahead=int(self.future_seconds * 1000),
            max_series=self.max_series,
        )


@dataclass(slots=True)
class _InFlight:
    seq: int
    prepared: Prepared
    answer: asyncio.Future[WriteReport]


class TelemetryStore:
    """One store in one folder. Create it on a running event loop, `start` it, `stop` it.

    `write` and everything that changes the store runs on that loop; questions come from any thread.
    """

    def __init__(self, folder: Path, disk: Disk, engine: Engine, clock: Clock, options: StoreOptions) -> None:
        self.folder, self.options, self.disk, self.engine, self.clock = folder, options, disk, engine, clock
        for name in ("wal", "head", "metrics", "logs", "spans", "exemplars"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        disk.sync_folder(folder)
        self.commits = Commits(folder, disk, manifest.load(folder))
        if not (folder / manifest.NAME).exists():
            # Named before anything else is written, so that its absence always means damage.
            manifest.commit(folder, disk, self.manifest)
        manifest.remove_leftovers(folder, disk, self.manifest)
        self._begin()
        self.feed = Feed(DEFAULT_TENANT)
        self.ready = False
        self.failure: SteersmanError | None = None
        self.to_replay = 0
        self._rate = Rate()
        self._in_flight: deque[_InFlight] = deque()
        self._synced_seq = self._answered_seq = 0
        self._backlog_bytes = 0
        self._decoding = ThreadPoolExecutor(1, "steersman-decode")
        self.log: wal.Log | None = None
        self._old_log: list[Path] = []
        self._stopping = False
        #: Why the log takes nothing now; empty when it does.
        self.refusing = self._damage = self._lost = ""
        self.checkpoints = Checkpoints(self)
        self.upkeep = Upkeep(self)

    def _begin(self) -> None:
        """Hold nothing yet; a restore that failed half-way begins here again, so that nothing is applied twice."""
        engine = self.engine
        self.live = LiveMetrics(engine.new_series_set(), self.options.rules())
        self.queries = MetricQueries(self.live, self.folder / "metrics", engine.new_series_set)
        self.logs, self.spans, self.exemplars = (
            EventStore(schema, self.folder / schema.kind, self.disk, engine.tokenize, self.clock.monotonic)
            for schema in (LOGS, SPANS, EXEMPLARS)
        )
        self.metadata: dict[tuple[Tenant, str], MetricMetadata] = {}
        self.applied_seq = self.manifest.applied_seq
        self.replayed = self.refused_total = 0
        self.taken_in = {schema.kind: 0 for schema in (LOGS, SPANS, EXEMPLARS)}

    @property
    def manifest(self) -> Manifest:
        """The truth about files as it is now."""
        return self.commits.current

    @property
    def trouble(self) -> str:
        """What a person should look at although questions are answered; empty when all is well."""
        checkpoints = f"no checkpoint can be written: {self.checkpoints.trouble}" if self.checkpoints.trouble else ""
        return "; ".join(filter(None, (self.refusing, checkpoints, self._damage, self._lost)))

    # ------------------------------------------------------------------ start and stop

    async def start(self) -> None:
        """Begin to take requests; they become readable once `restore` is through."""
        loop = asyncio.get_running_loop()
        last = await asyncio.to_thread(wal.repair, self.folder / "wal", self.disk)
        if aside := wal.set_aside(self.folder / "wal"):
            names = ", ".join(path.name for path in aside)
            self._damage = (
                "the log was damaged before its end, and the records behind the damage are not in the store: "
                f"they were kept in {names} in {self.folder / 'wal'}; compare with a backup, then delete that file"
            )
        self._old_log = wal.segments(self.folder / "wal")
        self.to_replay = max(last - self.manifest.applied_seq, 0)
        self.log = wal.Log(
            self.folder / "wal",
            self.disk,
            next_seq=max(last, self.manifest.applied_seq) + 1,
            segment_bytes=self.options.segment_bytes,
            on_synced=lambda seq: self._call(loop, self._on_synced, seq),
            on_failed=lambda seqs, error: self._call(loop, self._on_failed, seqs, error),
        )

    async def restore(self) -> None:
        """Read what the disk holds, then apply what came in meanwhile. A damaged store says so in `failure`."""
        try:
            await asyncio.to_thread(self._restore, self._old_log)
        except Permanent as error:
            self.failure = error
            raise
        except OSError as error:
            self.failure = Temporary(f"the store cannot be read: {error}")
            raise
        if self._stopping:
            return
        self.failure = None
        self.ready = True
        self._apply_synced()

    def _call(self, loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
        """Hand a result of the log's thread to the loop, unless the loop is gone: then nobody waits for it."""
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(function, *arguments)

    async def stop(self) -> None:
        """Write what was taken in and close. Nothing is lost without this; the next start is only faster."""
        self._stopping = True
        if self.log is not None:
            await asyncio.to_thread(self.log.close)
            # One turn of the loop, so that what the log's thread handed over last is applied.
            await asyncio.sleep(0)
        # A disk that refused a moment ago is not asked again: it would cost the time that a stop may take.
        if self.ready and not self.checkpoints.trouble:
            with contextlib.suppress(OSError):
                await self.checkpoints.write()
        self._decoding.shutdown()

    def _restore(self, log_paths: list[Path]) -> None:
        """Read the checkpoint and apply the log behind it. Runs on a thread while nothing else changes the store."""
        self._begin()
        known = self.manifest
        self.metadata = {
            (Tenant(tenant), name): MetricMetadata(name, MetricType(kind), help_, unit)
            for tenant, name, kind, help_, unit in known.metadata
        }
        self._restore_series(known)
        if lost := manifest.missing_blocks(self.folder, known):
            # The rest is served: a question that needs one of them fails and says the same.
            self._lost = f"block files are missing, restore them from a backup: {', '.join(lost)} in {self.folder}"
        self.queries.use(known.metric_blocks)
        for store in (self.logs, self.spans, self.exemplars):
            store.load([one for one in known.event_blocks if one.kind == store.schema.kind])
        for record in wal.replay(log_paths, known.applied_seq):
            if self._stopping:
                return
            self._replay(record)
            self.replayed += 1

    def _restore_series(self, known: Manifest) -> None:
        for tenant in known.tenants:
            self.live.series.scope(Tenant(tenant))
        files = {one.epoch: one for one in known.series}
        if not known.generations:
            # The numbers in a series file without samples are of no use to anybody.
            self.live.restored(max(files, default=0) + 1, 0, self.live.generations)
            return
        # The newest epoch first: its series keep the numbers that they have on disk.
        numbers = {epoch: self._restore_epoch(files[epoch]) for epoch in sorted(files, reverse=True)}
        newest = max(files)
        generations = []
        for saved in known.generations:
            generation = Generation(saved.number)
            generations.append(generation)
            for batch in columns.read_samples(self.folder / "head" / saved.name, saved.bytes):
                series = numbers[saved.epoch][batch.series]
                self.live.restore(generation, replace(batch, series=series))
        self.live.restored(newest, numbers[newest].size, tuple(generations))

    def _restore_epoch(self, file: SeriesFile) -> NDArray[np.int32]:
        """Read the series of an epoch and return the number that each has now."""
        parts = [np.empty(0, np.int32)]
        for scopes, bounds, content in columns.read_series(self.folder / "head" / file.name, file.bytes):
            borders = [0, *(np.flatnonzero(np.diff(scopes)) + 1).tolist(), scopes.size]
            for first, last in itertools.pairwise(borders):
                part = content[bounds[first] : bounds[last]]
                within = bounds[first : last + 1] - bounds[first]
                parts.append(self.live.series.add_joined(int(scopes[first]), part, within))
        return np.concatenate(parts)

    def _replay(self, record: Record) -> None:
        try:
            prepared = self._prepare(record.format, record.tenant, record.body, record.received_ns, restoring=True)
        except SteersmanError as error:
            # It was decoded once before it was logged, so this is another version's record: say so and go on.
            raise Permanent(f"record {record.seq} of the log can no longer be read: {error}") from error
        self._apply(prepared)
        self.applied_seq = record.seq

    # ------------------------------------------------------------------ taking in

    async def write(self, kind: WireFormat, tenant: Tenant, body: bytes, received_ns: int) -> WriteReport:
        """Take in one request and return when it is durable and, once the start is complete, readable.

        During the start the report cannot tell yet what the store's rules will refuse; `refused_total` counts it.
        Raises `InvalidInput` when the body is wrong, and then nothing has changed; `Temporary` when it cannot be
        kept now, and then it may be sent again as it is.
        """
        log = self.log
        if log is None:
            raise Temporary("the store is starting", retry_after=1.0)
        if self.failure is not None:
            # It could be kept, but nobody knows whether the log will be the same after a person has mended the store.
            raise Temporary(self.failure.message, retry_after=30.0)
        if self._backlog_bytes + len(body) > _BACKLOG_BYTES:
            raise Temporary("too much is waiting to be written", retry_after=2.0)
        if kind not in _SAMPLES_ONLY and self._events_are_behind:
            raise Temporary("more logs and spans came in than could be written to disk yet", retry_after=1.0)
        if kind is WireFormat.REMOTE_WRITE_1 or len(body) < _INLINE_BYTES:
            prepared = self._prepare(kind, tenant, body, received_ns)
        else:
            loop = asyncio.get_running_loop()
            prepared = await loop.run_in_executor(self._decoding, self._prepare, kind, tenant, body, received_ns)
        answer: asyncio.Future[WriteReport] = asyncio.get_running_loop().create_future()
        seq = log.append(received_ns, kind, tenant, body)
        self._in_flight.append(_InFlight(seq, prepared, answer))
        self._backlog_bytes += len(body)
        return await answer

    @property
    def _events_are_behind(self) -> bool:
        return self.waiting_event_bytes >= _CHECKPOINTS_BEHIND * self.options.checkpoint_event_bytes

    @property
    def waiting_event_bytes(self) -> int:
        """About the memory of the logs, spans and exemplars that are in no block yet."""
        return sum(events.waiting_bytes for events in (self.logs, self.spans, self.exemplars))

    def _prepare(
        self, kind: WireFormat, tenant: Tenant, body: bytes, received_ns: int, *, restoring: bool = False
    ) -> Prepared:
        if kind is not WireFormat.REMOTE_WRITE_1:
            decoded = self.engine.decode(kind)(body, received_ns)
            return Prepared(kind, tenant, body, received_ns, decoded=decoded)
        # Until the start is complete another thread is adding series, so a request is checked against an empty set.
        live = self.live.series if self.ready or restoring else self.engine.new_series_set()
        scan = live.scan_remote_write(body, live.scope(tenant))
        return Prepared(kind, tenant, body, received_ns, live, scan)

    def _on_synced(self, seq: int) -> None:
        self._synced_seq = seq
        self.refusing = ""
        if self.ready:
            self._apply_synced()
        else:
            self._answer_synced()

    def _answer_synced(self) -> None:
        """Tell senders that their requests are safe while the start still replays the log in front of them."""
        for one in reversed(self._in_flight):
            if one.seq <= self._answered_seq:
                break
            if one.seq <= self._synced_seq and not one.answer.done():
                one.answer.set_result(one.prepared.report)
        self._answered_seq = self._synced_seq

    def _apply_synced(self) -> None:
        while self._in_flight and self.applied_seq < self._synced_seq:
            one = self._in_flight.popleft()
            self._backlog_bytes -= len(one.prepared.body)
            report = self._apply(one.prepared)
            self.applied_seq += 1
            if not one.answer.done():
                one.answer.set_result(report)

    def _on_failed(self, seqs: list[int], error: Temporary) -> None:
        self.refusing = error.message
        # Until the start is complete, requests that are safe wait in front of these; those behind have their numbers.
        safe = next(place for place, one in enumerate(self._in_flight) if one.seq == seqs[0])
        self._in_flight.rotate(-safe)
        for _ in seqs:
            one = self._in_flight.popleft()
            self._backlog_bytes -= len(one.prepared.body)
            if not one.answer.done():
                one.answer.set_exception(error)
        self._in_flight.rotate(safe)

    def _apply(self, one: Prepared) -> WriteReport:
        live, received_ms = self.live, one.received_ns // 1_000_000
        scope = live.series.scope(one.tenant)
        if one.scan is not None:
            scan = one.scan
            if one.series is not live.series:
                scan = live.series.scan_remote_write(one.body, scope)
            outcome = live.append_scan(scope, scan, received_ms)
            decoded = Decoded(metadata=scan.metadata, exemplars=scan.exemplars, refused=scan.refused)
            return self._apply_rest(one.tenant, decoded, outcome)
        decoded = one.decoded or Decoded()
        if decoded.metrics is None:
            return self._apply_rest(one.tenant, decoded, None)
        return self._apply_rest(one.tenant, decoded, live.append_batch(scope, decoded.metrics, received_ms))

    def _apply_rest(self, tenant: Tenant, decoded: Decoded, outcome: Outcome | None) -> WriteReport:
        seq = self.applied_seq + 1
        if self.ready:
            self.feed.note(tenant, outcome.kept if outcome else None, decoded, self.live.epoch)
        for metadata in decoded.metadata:
            self.metadata[tenant, metadata.name] = metadata
        for store, rows in (
            (self.exemplars, decoded.exemplars),
            (self.logs, decoded.logs),
            (self.spans, decoded.spans),
        ):
            if rows is not None:
                store.append(tenant, rows, seq)
        counts = event_counts(decoded)
        for kind, count in counts.items():
            self.taken_in[EventKind(kind)] += count
        refused = (*decoded.refused, *(outcome.refused if outcome else ()))
        self.refused_total += sum(one.count for one in refused)
        return WriteReport(outcome.samples if outcome else 0, refused=refused, **counts)

    def stats(self) -> StoreStats:
        """Return the store's figures now. Cheap; from any thread."""
        return figures(self, self._rate.per_second(self.clock.monotonic(), self.live.samples_total))
