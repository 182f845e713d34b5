"""Reads this machine through /proc and /sys and hands the texts to the pure parsers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from steersman.engine.signals.cgroups import service_of
from steersman.services.telemetry.jobs.files import KeptFiles, count_in, names_in, read_once
from steersman.services.telemetry.jobs.mounts import Statvfs, Usages
from steersman.services.telemetry.logic.host import disks, kernel, memory, network
from steersman.services.telemetry.logic.host.groups import Groups, Member
from steersman.services.telemetry.logic.host.look import look
from steersman.services.telemetry.logic.host.process import ProcessStat, parse_io, parse_stat
from steersman.services.telemetry.logic.host.readings import Pairs, Reading
from steersman.services.telemetry.logic.live import Counters

#: Processes of the kernel form one group: they have hundreds of names, and no files or storage of their own.
KERNEL_GROUP = "kernel"

#: A process rarely moves to another control group, so its file is read again only every so many passes.
_CGROUP_PASSES = 8

GroupRule = tuple[str, re.Pattern[str]]


def uname_of(system: os.uname_result, domain_name: str) -> Pairs:
    return (
        ("domainname", domain_name),
        ("machine", system.machine),
        ("nodename", system.nodename),
        ("release", system.release),
        ("sysname", system.sysname),
        ("version", system.version),
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a machine's files are; a test names a folder of its own."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    statvfs: Statvfs = os.statvfs
    uname: Callable[[], os.uname_result] = os.uname
    page_size: int = field(default_factory=lambda: os.sysconf("SC_PAGE_SIZE"))


class Machine:
    """The figures of the whole machine. Use from one thread at a time."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._proc = KeptFiles(place.proc)
        self._sys = KeptFiles(place.sys)
        self._usages = Usages(place.statvfs)
        self._protocols = network.Protocols()
        self._cpu: kernel.CpuTimes = {}

    def readings(self, now_ns: int) -> list[Reading]:
        """Return every figure of this machine at `now_ns`."""
        readings: list[Reading] = [("node_time_seconds", (), now_ns / 1e9)]
        readings += self._kernel()
        readings += memory.memory(self._proc.read("meminfo"))
        readings += memory.paging(self._proc.read("vmstat"))
        readings += disks.disks(self._proc.read("diskstats"))
        readings += self._network()
        for mount, usage in self._usages.measure(self._mounts()).items():
            readings += disks.file_system(mount, usage)
        return readings

    def look(self, now_ns: int) -> Counters:
        """Return only what the live page draws; cheap enough for every second."""
        read = self._proc.read
        return look(
            now_ns // 1_000_000,
            stat=read("stat"),
            meminfo=read("meminfo"),
            loadavg=read("loadavg"),
            diskstats=read("diskstats"),
            net_dev=read("net/dev"),
            usages=self._usages.measure(self._mounts()),
        )

    def _kernel(self) -> list[Reading]:
        read = self._proc.read
        stat = read("stat")
        self._cpu = kernel.steady(self._cpu, kernel.cpu_times(stat))
        readings = kernel.processors(self._cpu) + kernel.counters(stat) + kernel.load(read("loadavg"))
        for resource in ("cpu", "io", "memory"):
            readings += kernel.pressure(resource, read(f"pressure/{resource}"))
        readings += kernel.descriptors(read("sys/fs/file-nr"))
        random = "sys/kernel/random"
        readings += kernel.entropy(read(f"{random}/entropy_avail"), read(f"{random}/poolsize"))
        domain_name = read("sys/kernel/domainname").strip()
        return readings + kernel.uname(uname_of(self._place.uname(), domain_name))

    def _network(self) -> list[Reading]:
        read = self._proc.read
        readings = network.traffic(read("net/dev"))
        for table in ("net/netstat", "net/snmp"):
            readings += self._protocols.counters(read(table))
        readings += network.counters_6(read("net/snmp6"))
        for table in ("net/sockstat", "net/sockstat6"):
            readings += network.sockets(read(table), self._place.page_size)
        for device in self._sys.folder("class/net"):
            readings += network.device(device, self._device_files(device))
        return readings

    def _device_files(self, device: str) -> dict[str, str]:
        names = (*(file for file, _, _ in network.DEVICE_NUMBERS), *network.DEVICE_WORDS)
        return {name: self._sys.read(f"class/net/{device}/{name}").strip() for name in names}

    def _mounts(self) -> list[disks.Mount]:
        # The mounts of process 1 are the machine's; this process may live in a smaller world, or not be let in.
        return disks.mounts(self._proc.read("1/mounts") or self._proc.read("self/mounts"))


@dataclass(slots=True)
class _Identity:
    """What is known of one process for as long as it runs its command."""

    command: str
    group: str
    service: str
    age: int = 0


class Processes:
    """The figures of groups of processes and of services. Use from one thread at a time."""

    def __init__(self, place: Place, rules: Sequence[GroupRule], places: int) -> None:
        self._proc = str(place.proc)
        self._page_size = place.page_size
        self._rules = rules
        self._boot = 0.0
        self._identities: dict[tuple[int, float], _Identity] = {}
        self._groups = Groups("process", "group", places)
        self._services = Groups("service", "service", places)

    def readings(self) -> list[Reading]:
        """Go once over all processes."""
        of_kernel = {name: value for name, _, value in kernel.counters(read_once(f"{self._proc}/stat"))}
        self._boot = of_kernel.get("node_boot_time_seconds", 0.0)
        stats = [stat for stat in map(self._stat, filter(str.isdecimal, names_in(self._proc))) if stat]
        members: list[Member] = []
        of_services: list[Member] = []
        identities: dict[tuple[int, float], _Identity] = {}
        for stat in stats:
            identity = identities[stat.pid, stat.started] = self._identity(stat)
            member = self._member(stat, identity.group)
            members.append(member)
            if identity.service:
                of_services.append(replace(member, group=identity.service))
        self._identities = identities
        return _totals(stats) + self._groups.fold(members) + self._services.fold(of_services)

    def _stat(self, pid: str) -> ProcessStat | None:
        return parse_stat(read_once(f"{self._proc}/{pid}/stat"))

    def _identity(self, stat: ProcessStat) -> _Identity:
        if stat.of_kernel:
            return _Identity(stat.command, KERNEL_GROUP, "")
        known = self._identities.get((stat.pid, stat.started))
        if known is None or known.command != stat.command or known.age >= _CGROUP_PASSES:
            service = service_of(read_once(f"{self._proc}/{stat.pid}/cgroup"))
            return _Identity(stat.command, self._group(stat), service)
        known.age += 1
        return known

    def _group(self, stat: ProcessStat) -> str:
        if not self._rules:
            return stat.command
        line = read_once(f"{self._proc}/{stat.pid}/cmdline").replace("\0", " ").strip() or stat.command
        return next((name for name, pattern in self._rules if pattern.search(line)), stat.command)

    def _member(self, stat: ProcessStat, group: str) -> Member:
        folder = f"{self._proc}/{stat.pid}"
        io = "" if stat.of_kernel else read_once(f"{folder}/io")
        read_bytes, written_bytes = parse_io(io) if io else (None, None)
        return Member(
            id=(stat.pid, stat.started),
            group=group,
            cpu_seconds=stat.cpu_seconds,
            resident_bytes=float(stat.resident_pages * self._page_size),
            threads=stat.threads,
            started=self._boot + stat.started,
            open_fds=None if stat.of_kernel else count_in(f"{folder}/fd"),
            read_bytes=read_bytes,
            written_bytes=written_bytes,
        )


def _totals(stats: list[ProcessStat]) -> list[Reading]:
    if not stats:
        return []
    states: dict[str, int] = {}
    for stat in stats:
        states[stat.state] = states.get(stat.state, 0) + 1
    return [
        ("node_processes_pids", (), float(len(stats))),
        ("node_processes_threads", (), float(sum(stat.threads for stat in stats))),
        *(("node_processes_state", (("state", state),), float(count)) for state, count in states.items()),
    ]
