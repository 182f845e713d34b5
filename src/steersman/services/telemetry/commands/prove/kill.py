"""`steersman prove kill`: kill -9 under load, again and again in one data directory, and no record too few or too many.

Senders number their records and keep account of what was acknowledged. The moment of each kill is drawn from a seed:
while the platform starts and replays its log, while it takes requests, right behind a checkpoint, or while a child
process seals a block. After each start the records of the life before are read back through the query API, with a
window of an older life; at the end all of them are. Between two lives the store on disk is checked.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from steersman.model.errors import Permanent
from steersman.runtime.clock import SystemClock
from steersman.services.telemetry.commands.bench import report, usage
from steersman.services.telemetry.commands.bench.systems import STEERSMAN, TOKEN, Recipe, System, query_data
from steersman.services.telemetry.commands.bench.waiting import pause, wait_until
from steersman.services.telemetry.commands.check import problems
from steersman.services.telemetry.commands.prove.numbered import METRIC, Sender, Signal, judge, record_in
from steersman.services.telemetry.commands.prove.senders import Account, Sending

#: Checkpoints and seals come so often that kills meet them.
_SETTINGS = """\
[telemetry.store]
checkpoint_seconds = 0.5
head_bytes = 16777216
"""
_PHASES = ("starting", "loaded", "checkpoint", "sealing")
_PAUSE_SECONDS = {Signal.SAMPLES: 0.08, Signal.LINES: 0.004, Signal.SPANS: 0.004}
_WINDOW = {Signal.SAMPLES: 100_000, Signal.LINES: 5_000, Signal.SPANS: 5_000}
_EXAMPLES = 10
_READY_SECONDS = 60.0


def _configured(folder: Path, port: int) -> list[str]:
    config = folder / "steersman.toml"
    config.write_text(_SETTINGS)
    return [*STEERSMAN.command(folder, port), "--config", str(config)]


_RECIPE = Recipe("steersman", _configured, "/readyz", STEERSMAN.version, TOKEN)


def read_back(system: System, sender: Sender, records: range) -> Iterator[int]:
    """The records in a span of numbers that the platform gives back, each as often as it does."""
    for first in range(records.start, records.stop, _WINDOW[sender.signal]):
        part = range(first, min(first + _WINDOW[sender.signal], records.stop))
        reading = _read_samples if sender.signal is Signal.SAMPLES else _read_events
        yield from (record for record in reading(system, sender, part) if record in part)


def _read_samples(system: System, sender: Sender, records: range) -> Iterator[int]:
    first, last = sender.time_ms(records[0]), sender.time_ms(records[-1])
    selector = f'{METRIC}{{sender="{sender.name}"}}[{last - first + 2}ms]'
    for series in query_data(system, "/api/v1/query", query=selector, time=last / 1_000)["result"]:
        for seconds, text in series["values"]:
            record = int(float(text))
            if round(seconds * 1_000) != sender.time_ms(record):
                raise Permanent(f"sample {record} of {sender.name} came back with the time {seconds}")
            yield record


def _read_events(system: System, sender: Sender, records: range) -> Iterator[int]:
    signal, text = ("logs", "body") if sender.signal is Signal.LINES else ("traces", "name")
    start, end = sender.time_ms(records[0]) / 1_000, sender.time_ms(records[-1]) / 1_000
    query = f'"of {sender.name}"'
    status, body = system.get(f"/api/{signal}/search", query=query, start=start, end=end, limit=10_000)
    if status != 200:
        raise Permanent(f"a search of {signal} was answered with {status}: {body[:300]!r}")
    answer = json.loads(body)
    if not answer["complete"]:
        raise Permanent(f"a search of {signal} gave up early")
    records_found = (record_in(row[text], sender) for row in answer["rows"])
    return (record for record in records_found if record is not None)


@dataclass(slots=True)
class Tally:
    """What came of the kills."""

    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_PHASES, 0))
    acknowledged: dict[str, int] = field(default_factory=dict)
    unanswered_requests: int = 0
    records_read: int = 0
    checks: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)
    ready_seconds: list[float] = field(default_factory=list)

    def blame(self, what: str) -> None:
        self.wrong += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(what)


class KillRun:
    """One data directory, killed again and again."""

    def __init__(self, folder: Path, random: Random, start_ms: int) -> None:
        self._folder = folder
        self._random = random
        self._accounts = [Account(sender) for sender in _senders(start_ms)]
        self._seen = [0] * len(self._accounts)
        self.tally = Tally()

    def life(self) -> None:
        """Start, read back, and kill."""
        ends = [account.next_request for account in self._accounts]
        phase = self._random.choice(_PHASES)
        system = System(_RECIPE, folder=self._folder)
        system.spawn()
        sending = self._send(system)
        try:
            if phase == "starting":
                pause(self._random.uniform(0.0, 1.5))
            else:
                self.tally.ready_seconds.append(system.wait_ready(_READY_SECONDS))
                self._inspect(system, ends)
                if not self._moment_came(system, phase):
                    phase = "loaded"
        finally:
            system.kill()
            for one in sending:
                one.stop()
        self.tally.kills[phase] += 1

    def _send(self, system: System) -> list[Sending]:
        sending = [
            Sending(account, system.port, TOKEN, _PAUSE_SECONDS[account.sender.signal]) for account in self._accounts
        ]
        for one in sending:
            one.start()
        return sending

    def _moment_came(self, system: System, phase: str) -> bool:
        """Wait for the moment of the kill; False when the one that was drawn does not come in time."""
        if phase == "loaded":
            pause(self._random.uniform(0.1, 2.0))
            return True
        if phase == "checkpoint":
            manifest = self._folder / "data" / "telemetry" / "manifest.json"
            before = manifest.stat().st_mtime_ns if manifest.exists() else 0
            came = _comes(2.0, lambda: manifest.exists() and manifest.stat().st_mtime_ns != before)
        else:
            came = _comes(6.0, lambda: usage.children(system.pid) > 0)
        pause(self._random.uniform(0.0, 0.3))
        return came

    def _inspect(self, system: System, ends: list[int]) -> None:
        """Read what was sent since the last look, and one window of what is older."""
        for index, account in enumerate(self._accounts):
            self._compare(system, account, range(self._seen[index], ends[index]))
            if self._seen[index]:
                older = self._random.randrange(self._seen[index])
                self._compare(system, account, range(older, min(older + 20, self._seen[index])))
            self._seen[index] = ends[index]

    def _compare(self, system: System, account: Account, requests: range) -> None:
        if not requests:
            return
        sender = account.sender
        records = range(sender.records(requests[0]).start, sender.records(requests[-1]).stop)
        found = list(read_back(system, sender, records))
        self.tally.records_read += len(found)
        within = set(requests)
        judgement = judge(sender, found, account.acknowledged & within, account.unanswered & within)
        if judgement:
            kinds = {kind: (len(numbers), numbers[:3]) for kind, numbers in asdict(judgement).items() if numbers}
            self.tally.blame(f"{sender.name}, requests {requests.start} to {requests.stop}: {kinds}")

    def check(self) -> None:
        """Check the store on disk, as `steersman check --store` does."""
        self.tally.checks += 1
        if not (self._folder / "data" / "telemetry").is_dir():
            return
        for problem in problems(self._folder / "data"):
            self.tally.blame(f"check --store: {problem.file}: {problem.detail}")

    def finish(self) -> None:
        """Start once more, read everything, stop in order, and check."""
        system = System(_RECIPE, folder=self._folder)
        system.spawn()
        try:
            self.tally.ready_seconds.append(system.wait_ready(_READY_SECONDS))
            for account in self._accounts:
                self._compare(system, account, range(account.next_request))
                for refusal in account.refused:
                    self.tally.blame(f"{account.sender.name} was refused: {refusal}")
        finally:
            system.stop()
        self.check()
        for account in self._accounts:
            self.tally.acknowledged[account.sender.name] = len(account.acknowledged) * account.sender.size
            self.tally.unanswered_requests += len(account.unanswered)


def _comes(seconds: float, condition: Callable[[], bool]) -> bool:
    try:
        wait_until(condition, seconds, "the moment has come")
    except Permanent:
        return False
    return True


def _senders(start_ms: int) -> list[Sender]:
    return [
        Sender("samples-a", Signal.SAMPLES, start_ms, size=2_000, lanes=100),
        Sender("samples-b", Signal.SAMPLES, start_ms, size=2_000, lanes=100),
        Sender("lines", Signal.LINES, start_ms, size=20),
        Sender("spans", Signal.SPANS, start_ms, size=20),
    ]


def prove(kills: int, seed: int, *, folder: Path, check_every: int = 1) -> Tally:
    """Kill the platform so many times in `folder`, and look at everything at the end."""
    start_ms = SystemClock().wall_ns() // 1_000_000 - 6 * 3_600_000
    run = KillRun(folder, Random(seed), start_ms)  # noqa: S311 - the moments of the kills
    for number in _counted(kills):
        run.life()
        if number % check_every == 0:
            run.check()
    run.finish()
    return run.tally


def _counted(kills: int) -> Iterable[int]:
    """Count the kills, with a sign of life for whoever waits."""
    for number in range(1, kills + 1):
        if number % 10 == 0:
            typer.echo(f"kill {number} of {kills}", err=True)
        yield number


def kill(
    *,
    kills: Annotated[int, typer.Option(help="How often the platform is killed.")] = 200,
    seed: Annotated[int, typer.Option(help="Decides the moments.")] = 1,
    check_every: Annotated[int, typer.Option(help="Check the store on disk after each so many kills.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Kill the platform under load and prove that every acknowledged record is there once."""
    with tempfile.TemporaryDirectory(prefix="steersman-kill-") as folder:
        tally = prove(kills, seed, folder=Path(folder), check_every=check_every)
    figures = {**report.circumstances([STEERSMAN]), "seed": seed, **asdict(tally)}
    figures["ready_seconds"] = {
        "median": report.percentile(tally.ready_seconds, 0.5),
        "max": max(tally.ready_seconds),
    }
    report.emit(figures, as_json=as_json)
    if tally.wrong:
        raise Permanent(f"{tally.wrong} things are wrong after {kills} kills")
