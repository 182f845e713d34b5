"""`steersman prove writes`: the store after a loss of power, which a killed process does not show.

A store lives in this process on a disk that records each write and sync, takes in numbered requests, checkpoints,
seals and merges. Then the folder is built again as it might look if the power had gone after any of the recorded
operations (`disk_model` says how), a store is opened on it, and everything that was acknowledged up to then must be
there once. Some of these second lives are recorded too and lose their power during recovery.
"""

from __future__ import annotations

import asyncio
import json
import struct
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer

from steersman.engine.telemetry import TelemetryEngine
from steersman.model.errors import Permanent, SteersmanError
from steersman.model.ids import DEFAULT_TENANT
from steersman.model.labels import METRIC_NAME, Matcher, MatchOp
from steersman.model.search import Everything
from steersman.runtime.clock import SystemClock
from steersman.runtime.telemetry import manifest, sealing
from steersman.runtime.telemetry.disk import Disk, LocalDisk
from steersman.runtime.telemetry.events import compact
from steersman.runtime.telemetry.events.block import EventBlock
from steersman.runtime.telemetry.store import StoreOptions, TelemetryStore
from steersman.runtime.telemetry.upkeep import Upkeep
from steersman.runtime.telemetry.verify import verify
from steersman.services.telemetry.commands.bench import report
from steersman.services.telemetry.commands.prove import disk_model
from steersman.services.telemetry.commands.prove.disk_model import Acknowledge, Fate
from steersman.services.telemetry.commands.prove.numbered import FORMATS, METRIC, Sender, Signal, judge, record_in
from steersman.services.telemetry.commands.prove.recording_disk import RecordingDisk

#: Small files, so that a short run crosses many of their borders.
_OPTIONS = StoreOptions(segment_bytes=16_384)
_ROWS = 1_000_000
_ENDLESS = 2**62
_EXAMPLES = 10
#: How damaged files show themselves in the readers of JSON, Parquet and the log.
_UNREADABLE = (SteersmanError, OSError, ValueError, KeyError, struct.error)
_REQUESTS_BETWEEN_STEPS = 12


class _UpkeepInThisProcess(Upkeep):
    """Seals and merges on the recorded disk instead of in a process whose writes nobody would see."""

    def __init__(self, store: TelemetryStore) -> None:
        super().__init__(store)
        self._disk, self._tokenize = store.disk, store.engine.tokenize

    async def _child(self, module: str, *arguments: str, sending: bytes = b"") -> bytes:
        work = self._compact_here if module == "events.compact" else self._seal_here
        return await asyncio.to_thread(work, arguments, sending)

    def _seal_here(self, arguments: tuple[str, ...], _: bytes) -> bytes:
        job, name, *rest = arguments
        folder = Path(name)
        if job == "seal":
            made = sealing.seal(folder, self._disk, int(rest[0]), rest[1])
        else:
            known = {one.name: one for one in manifest.load(folder).metric_blocks}
            made = sealing.merge(folder, self._disk, rest[0], [known[name] for name in rest[1:]])
        return json.dumps(asdict(made)).encode()

    def _compact_here(self, arguments: tuple[str, ...], sent: bytes) -> bytes:
        blocks = [EventBlock.from_json(one) for one in json.loads(sent)]
        made = compact.compact(blocks, Path(arguments[0]), self._disk, self._tokenize)
        return json.dumps(made.to_json()).encode()


async def _opened(folder: Path, disk: Disk) -> TelemetryStore:
    store = TelemetryStore(folder, disk, TelemetryEngine(), SystemClock(), _OPTIONS)
    store.upkeep = _UpkeepInThisProcess(store)
    await store.start()
    await store.restore()
    return store


def senders(start_ms: int) -> list[Sender]:
    """One of each signal."""
    lanes = {Signal.SAMPLES: 4, Signal.LINES: 1, Signal.SPANS: 1}
    return [Sender(f"proof-{signal}", signal, start_ms, lanes=lanes[signal]) for signal in Signal]


@dataclass(slots=True)
class Life:
    """One recorded life of a store: what its disk did and which of its requests were sent.

    Request `i` of the recording is `sent[i]`: (sender's index, the sender's own request number).
    """

    disk: RecordingDisk
    sent: list[tuple[int, int]] = field(default_factory=list)

    def acknowledged(self, operations: int) -> list[tuple[int, int]]:
        """The requests that were answered within the first so many operations."""
        made = self.disk.operations[:operations]
        return [self.sent[one.request] for one in made if isinstance(one, Acknowledge)]


async def live(folder: Path, random: Random, who: list[Sender], first_request: int, steps: int) -> Life:
    """Run a store for so many steps of upkeep, with requests of all senders under way the whole time."""
    disk = RecordingDisk(LocalDisk(), folder)
    life = Life(disk)
    store = await _opened(folder, disk)

    async def write(index: int, request: int) -> None:
        number = len(life.sent)
        life.sent.append((index, request))
        sender = who[index]
        now_ns = SystemClock().wall_ns()
        await store.write(FORMATS[sender.signal], DEFAULT_TENANT, sender.body(request), now_ns)
        disk.acknowledge(number)

    upkeep: list[Callable[[], Awaitable[object]]] = [
        store.checkpoints.write,
        store.checkpoints.write,
        store.upkeep.seal,
        lambda: store.upkeep.merge(_ENDLESS // 1_000_000),
    ]
    request = first_request
    for _ in range(steps):
        batch = [write(index, request + n) for n in range(_REQUESTS_BETWEEN_STEPS) for index in range(len(who))]
        request += _REQUESTS_BETWEEN_STEPS
        await asyncio.gather(random.choice(upkeep)(), *batch)
    if store.log is not None:
        await asyncio.to_thread(store.log.close)
    return life


def found(store: TelemetryStore, sender: Sender) -> list[int]:
    """The numbers of a sender's records that the store gives back, as often as it does."""
    if sender.signal is Signal.SAMPLES:
        matchers = [Matcher(METRIC_NAME, MatchOp.EQUAL, METRIC), Matcher("sender", MatchOp.EQUAL, sender.name)]
        chosen = store.queries.select(DEFAULT_TENANT, matchers, 0, _ENDLESS)
        rows = list(zip(chosen.times.tolist(), chosen.values.tolist(), strict=True))
        if wrong := [row for row in rows if row[0] != sender.time_ms(int(row[1]))]:
            raise Permanent(f"a sample has another time than its own: {wrong[0]}")
        return [int(value) for _, value in rows]
    events, text = (store.logs, "body") if sender.signal is Signal.LINES else (store.spans, "name")
    answer = events.search(DEFAULT_TENANT, Everything(), 0, _ENDLESS, _ROWS)
    records = [record_in(row[text], sender) for row in answer.rows]
    return [record for record in records if record is not None]


async def inspect(folder: Path, who: list[Sender], acknowledged: list[tuple[int, int]], sent: int) -> list[str]:
    """Open a store on a folder and say in words what is wrong with what it holds."""
    try:
        store = await _opened(folder, LocalDisk())
    except _UNREADABLE as error:
        return [f"the store does not open: {type(error).__name__}: {error}"]
    wrong = []
    for index, sender in enumerate(who):
        mine = {request for owner, request in acknowledged if owner == index}
        try:
            judgement = judge(sender, found(store, sender), mine, set(range(sent)) - mine)
        except _UNREADABLE as error:
            wrong.append(f"{sender.signal} cannot be read: {type(error).__name__}: {error}")
            continue
        if judgement:
            counts = {kind: numbers[:5] for kind, numbers in asdict(judgement).items() if numbers}
            wrong.append(f"{sender.signal}: {counts}")
    if store.log is not None:
        await asyncio.to_thread(store.log.close)
    return wrong + [f"check: {one.file}: {one.detail}" for one in verify(folder, TelemetryEngine())]


def build(folder: Path, tree: dict[str, bytes]) -> None:
    """Write a tree of files. Zeros at a file's end are left as a hole, as reserved space is."""
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = content.rstrip(b"\0")
        with path.open("wb") as file:
            file.write(kept)
            file.truncate(len(content))


def losses(life: Life, random: Random, count: int) -> Iterator[tuple[int, Fate, dict[str, bytes]]]:
    """Yield (operations done, fate, tree) for so many moments of a life, spread over all of it."""
    last = len(life.disk.operations)
    moments = sorted(random.randrange(1, last + 1) for _ in range(count))
    model = disk_model.Disk(life.disk.files, life.disk.folders)
    done = 0
    for moment in moments:
        for operation in life.disk.operations[done:moment]:
            model.apply(operation)
        done = moment
        fate = random.choice(list(Fate))
        yield moment, fate, model.after_power_loss(fate, random)


@dataclass(slots=True)
class Tally:
    """What came of the losses of power."""

    operations: int = 0
    moments: int = 0
    records_checked: int = 0
    fates: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)

    def note(self, where: dict[str, Any], wrong: list[str]) -> None:
        if wrong:
            self.failures[where["during"]] = self.failures.get(where["during"], 0) + 1
            if len(self.examples) < _EXAMPLES:
                self.examples.append({**where, "wrong": wrong})


@dataclass(frozen=True, slots=True)
class Run:
    """One proof: where it works, who sends, and what chance decides."""

    root: Path
    random: Random
    who: list[Sender]
    steps: int
    tally: Tally

    async def first_life(self, moments: int, every: int) -> None:
        """Lose the power at `moments` moments; each `every`-th of them is followed by a second life."""
        folder = self.root / "first"
        folder.mkdir()
        life = await live(folder, self.random, self.who, 0, self.steps)
        self.tally.operations = len(life.disk.operations)
        for number, (moment, fate, tree) in enumerate(losses(life, self.random, moments)):
            known = life.acknowledged(moment)
            with tempfile.TemporaryDirectory(dir=self.root) as after:
                build(Path(after), tree)
                if number % every == 0:
                    await self._second_life(Path(after), known, {"moment": moment, "fate": fate})
                else:
                    await self._check(Path(after), known, {"during": "the first life", "moment": moment, "fate": fate})

    async def _second_life(self, folder: Path, known: list[tuple[int, int]], where: dict[str, Any]) -> None:
        """Start on what a loss of power left, take in more, and lose the power twice more."""
        first = self.steps * _REQUESTS_BETWEEN_STEPS
        try:
            life = await live(folder, self.random, self.who, first, 1)
        except _UNREADABLE as error:
            self.tally.note({**where, "during": "a second start"}, [f"{type(error).__name__}: {error}"])
            return
        for moment, fate, tree in losses(life, self.random, 2):
            with tempfile.TemporaryDirectory(dir=self.root) as after:
                build(Path(after), tree)
                place = {"during": "a second life", "before": where, "moment": moment, "fate": fate}
                await self._check(Path(after), known + life.acknowledged(moment), place)

    async def _check(self, folder: Path, known: list[tuple[int, int]], where: dict[str, Any]) -> None:
        wrong = await inspect(folder, self.who, known, (self.steps + 1) * _REQUESTS_BETWEEN_STEPS)
        self.tally.fates[where["fate"]] = self.tally.fates.get(where["fate"], 0) + 1
        self.tally.moments += 1
        self.tally.records_checked += sum(self.who[index].size for index, _ in known)
        self.tally.note(where, wrong)


async def prove(*, moments: int, steps: int, seed: int, every: int = 10) -> Tally:
    """Run the whole proof in a temporary folder."""
    tally = Tally()
    start_ms = SystemClock().wall_ns() // 1_000_000 - 3_600_000
    with tempfile.TemporaryDirectory(prefix="steersman-writes-") as root:
        chance = Random(seed)  # noqa: S311 - a seeded choice of accidents
        await Run(Path(root), chance, senders(start_ms), steps, tally).first_life(moments, every)
    return tally


def writes(
    *,
    moments: Annotated[int, typer.Option(help="Moments at which the power is lost.")] = 1_000,
    steps: Annotated[int, typer.Option(help="Checkpoints, seals and merges of the recorded life.")] = 12,
    seed: Annotated[int, typer.Option(help="Decides the moments and the fates.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Drop, tear and reorder unsynced writes at many moments, and look for what was acknowledged."""
    tally = asyncio.run(prove(moments=moments, steps=steps, seed=seed))
    figures = {**report.circumstances([]), "seed": seed, **asdict(tally)}
    report.emit(figures, as_json=as_json)
    if tally.failures:
        raise Permanent(f"{sum(tally.failures.values())} losses of power left a store that is wrong")
