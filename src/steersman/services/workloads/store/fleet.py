"""The fleet: every replica of every service, started once, ended in order, and taken up again after a kill.

The only place that changes what is known of replicas. It obeys and remembers; whether to start what ended is decided
elsewhere. Threads may use it: one replica is moved by one of them at a time.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from steersman.contract.ports import Clock, Ids
from steersman.model.errors import Permanent
from steersman.services.workloads.logic.health import with_probe
from steersman.services.workloads.logic.launch import MARK, launch_of, mark_of
from steersman.services.workloads.model.definition import ServiceDefinition, signal_number
from steersman.services.workloads.model.replicas import Answering, Exit, Identity, Replica, Usage
from steersman.services.workloads.store import proc
from steersman.services.workloads.store.disk import read_link, read_text, replace_file
from steersman.services.workloads.store.history import History
from steersman.services.workloads.store.ledger import Ledger
from steersman.services.workloads.store.processes import Child, end, reason_of, send, spawn
from steersman.services.workloads.store.view import FleetView

_EXITS_KEPT = 32


class Fleet:
    """Replicas by name (`orders/0`) and the processes behind them."""

    def __init__(self, definitions: Mapping[str, ServiceDefinition], folder: Path, clock: Clock, ids: Ids) -> None:
        self._ledger = Ledger.open(folder, ids)
        self._clock = clock
        self._replicas: dict[str, Replica] = {}
        self._children: dict[str, Child] = {}
        self._lock = threading.RLock()
        self._moves: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        counts = MappingProxyType(self._ledger.counts)
        self.history = History(folder)
        self.view = FleetView(
            definitions, MappingProxyType(self._replicas), counts, self.history.versions, folder, clock
        )
        self._adopt()
        self._write_routes()

    # ------------------------------------------------------------------------------------------ after a restart

    def _write_routes(self) -> None:
        """Send callers to a service itself, where nobody has decided otherwise yet."""
        for definition in self.view.definitions.values():
            if definition.route_file and not read_text(definition.route_file):
                Path(definition.route_file).parent.mkdir(parents=True, exist_ok=True)
                replace_file(Path(definition.route_file), f"{definition.address}\n".encode())

    def _adopt(self) -> None:
        """Take up what still runs: by its recorded identity, or by its mark where a start was cut short."""
        known = self._ledger.replicas()
        for service in self.view.definitions:
            for number in range(self.view.count(service)):
                fresh = Replica(service=service, number=number)
                before = known.pop(fresh.name, fresh)
                living = self._living(before)
                self._replicas[fresh.name] = replace(before, identity=living, launching=False, waiting=living is None)
        for surplus in known.values():
            # A scaling down was cut short: finish it. A service that left the settings is nobody's business here.
            definition = self.view.definitions.get(surplus.service)
            if definition is not None and (identity := self._living(surplus)):
                end(identity, signal_number(definition.stop_signal), definition.stop_seconds)

    def _living(self, replica: Replica) -> Identity | None:
        """Return the process that a record is about, if it lives."""
        if replica.identity is not None:
            return replica.identity if proc.lives(replica.identity) else None
        return self._cut_short(replica) if replica.launching else None

    def _cut_short(self, replica: Replica) -> Identity | None:
        """Find the process of a start that was announced and not recorded: the one that leads a marked session."""
        mark = mark_of(self._ledger.house, replica)
        leaders = [look for value, look in proc.marked(MARK, mark) if value == mark and look.session == look.pid]
        if not leaders:
            return None
        first = min(leaders, key=lambda look: look.start_ticks)
        return Identity(first.pid, first.start_ticks, proc.boot_id())

    # ------------------------------------------------------------------------------------------------- movements

    def start(self, service: str, number: int) -> Replica:
        """Start a replica, or return it when it runs. Raises `Permanent` when its program does not start."""
        definition = self.view.definition(service)
        with self._moving(service, number) as replica:
            if identity := self._living(replica):
                return self._put(replace(replica, wanted=True, identity=identity, launching=False))
            self._kill_leftovers(replica)
            announced = self._put(
                replace(
                    replica,
                    wanted=True,
                    identity=None,
                    launching=True,
                    waiting=False,
                    started_ms=self.view.now_ms(),
                    release=read_link(definition.current),
                    answering=Answering(),
                    usage=Usage(),
                    starts=replica.starts + 1,
                )
            )
            return self._put(replace(announced, identity=self._spawn(definition, announced), launching=False))

    def _spawn(self, definition: ServiceDefinition, replica: Replica) -> Identity:
        launch = launch_of(definition, replica.number, mark_of(self._ledger.house, replica), os.environ)
        try:
            child = spawn(launch, self.view.log_of(replica.service, replica.number))
        except Permanent as error:
            self._put(_after_end(replace(replica, launching=False), Exit(self.view.now_ms(), None, error.message)))
            raise
        self._children[replica.name] = child
        return child.identity

    def _kill_leftovers(self, replica: Replica) -> None:
        """Whatever an ended replica left behind, in a session of its own, may hold its port."""
        for _, look in proc.marked(MARK, f"{self._ledger.house}/{replica.name}/"):
            with suppress(ProcessLookupError):
                os.kill(look.pid, signal.SIGKILL)

    def stop(self, service: str, number: int, *, wanted: bool = False) -> str:
        """End a replica; `wanted` says that it will be started again. Returns how it went."""
        definition = self.view.definition(service)
        with self._moving(service, number) as present:
            replica = self._put(replace(present, wanted=wanted))
            if replica.identity is None:
                return "was not running"
            how = end(replica.identity, signal_number(definition.stop_signal), definition.stop_seconds)
            self._reap(replica.name)
            ended = Exit(self.view.now_ms(), None, how)
            self._put(replace(replica, identity=None, last_exit=ended, answering=Answering()))
            return how

    def restart(self, service: str, number: int) -> Replica:
        """End a replica and start it again, without anybody seeing it as gone in between."""
        with self._moving(service, number):
            self.stop(service, number, wanted=True)
            return self.start(service, number)

    def scale(self, service: str, count: int) -> None:
        """Have so many replicas. What is wanted is on disk before anything moves."""
        with self._lock:
            self._ledger.counts[service] = count
            self._ledger.save()
        for number in range(count):
            self._replicas.setdefault(f"{service}/{number}", Replica(service=service, number=number))
            self.start(service, number)
        for surplus in self.view.replicas(service)[count:]:
            self.stop(service, surplus.number)
            with self._lock:
                self._replicas.pop(surplus.name, None)
                self._ledger.remember(self._replicas.values())

    def stop_all(self) -> None:
        """End everything at once; it will be started again with the platform."""
        with ThreadPoolExecutor(max_workers=16) as threads:
            for replica in self.view.everyone():
                threads.submit(self.stop, replica.service, replica.number, wanted=replica.wanted)

    def signal(self, service: str, number: int, name: str) -> bool:
        """Send a signal to a replica; False when it is gone."""
        replica = self.view.replica(service, number)
        return replica.identity is not None and send(replica.identity, signal_number(name))

    @contextmanager
    def _moving(self, service: str, number: int) -> Iterator[Replica]:
        """One movement of a replica at a time; meanwhile its end is no crash."""
        name = self.view.replica(service, number).name
        with self._moves[name]:
            outermost = not self._replicas[name].moving
            try:
                yield self._set(replace(self._replicas[name], moving=True))
            finally:
                if outermost and name in self._replicas:
                    self._set(replace(self._replicas[name], moving=False))

    # ---------------------------------------------------------------------------------------------- observations

    def look(self, seconds: float, *, deep: bool = False) -> list[Replica]:
        """Look at every process, `seconds` after the last look; return the replicas that ended by themselves."""
        ended = []
        groups = proc.groups()
        for replica in self.view.everyone():
            if replica.identity is None or replica.moving:
                continue
            look = proc.look_at(replica.identity.pid)
            if look is None or not look.alive or look.start_ticks != replica.identity.start_ticks:
                with self._moves[replica.name]:
                    ended += self._ended(replica)
                continue
            group = groups.get(look.group, [look])
            usage = proc.used(replica.usage, look, group, seconds)
            if deep:
                usage = replace(usage, open_files=sum(proc.open_files(one.pid) for one in group))
            self._update(replica, usage=usage)
        return ended

    def _ended(self, seen: Replica) -> list[Replica]:
        replica = self._replicas.get(seen.name)
        if replica is None or replica.moving or replica.identity != seen.identity:
            return []
        status = self._reap(replica.name)
        return [self._put(_after_end(replica, Exit(self.view.now_ms(), status, reason_of(status))))]

    def probed(self, replica: Replica, reason: str) -> None:
        """Note a health check of the process that `replica` was when it began; empty is an answer."""
        self._update(replica, answering=with_probe(replica.answering, reason, self.view.now_ms()))

    def _update(self, seen: Replica, **changes: Any) -> None:
        """Change what was observed of a process, unless it is another one by now."""
        with self._lock:
            present = self._replicas.get(seen.name)
            if present is not None and present.identity == seen.identity:
                self._replicas[seen.name] = replace(present, **changes)

    def _reap(self, name: str) -> int | None:
        child = self._children.pop(name, None)
        return child.popen.wait() if child is not None else None

    # ------------------------------------------------------------------------------------------------- keeping

    def done(self, key: str) -> Mapping[str, Any] | None:
        """Return what was noted under the key of an action."""
        found: Mapping[str, Any] | None = self._ledger.done.get(key)
        return found

    def note(self, key: str, result: Mapping[str, Any]) -> None:
        with self._lock:
            self._ledger.note(key, result)

    def _set(self, replica: Replica) -> Replica:
        with self._lock:
            self._replicas[replica.name] = replica
        return replica

    def _put(self, replica: Replica) -> Replica:
        """Change a replica, and have the change on disk."""
        with self._lock:
            self._replicas[replica.name] = replica
            self._ledger.remember(self._replicas.values())
        return replica


def _after_end(replica: Replica, ended: Exit) -> Replica:
    """Return a replica whose process ended by itself; an end counts when it should have run on."""
    counted = replica.wanted
    return replace(
        replica,
        identity=None,
        waiting=False,
        last_exit=ended,
        usage=Usage(),
        answering=Answering(),
        exits_ms=(*replica.exits_ms, ended.time_ms)[-_EXITS_KEPT:] if counted else replica.exits_ms,
        exits=replica.exits + counted,
    )
