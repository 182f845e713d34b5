"""Processor time, load, pressure and the kernel's own counters."""

from __future__ import annotations

from steersman.services.telemetry.logic.host.readings import Pairs, Reading

#: The kernel reports processor time in 1/100 s on every architecture that Linux still runs on (USER_HZ).
TICKS_PER_SECOND = 100.0

CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_IDLE = CPU_MODES.index("idle")
_GUEST = len(CPU_MODES)

#: An idle counter that falls by more than this was reset by taking the processor offline.
_HOTPLUG_SECONDS = 3.0

_COUNTERS = {
    "ctxt": "node_context_switches_total",
    "btime": "node_boot_time_seconds",
    "processes": "node_forks_total",
    "procs_running": "node_procs_running",
    "procs_blocked": "node_procs_blocked",
    "intr": "node_intr_total",
}

#: Of /proc/pressure/<resource>: which line becomes which metric. A processor cannot stall everybody.
_PRESSURE = {
    "cpu": (("some", "node_pressure_cpu_waiting_seconds_total"),),
    "io": (("some", "node_pressure_io_waiting_seconds_total"), ("full", "node_pressure_io_stalled_seconds_total")),
    "memory": (
        ("some", "node_pressure_memory_waiting_seconds_total"),
        ("full", "node_pressure_memory_stalled_seconds_total"),
    ),
}

CpuTimes = dict[str, tuple[float, ...]]


def cpu_times(stat: str) -> CpuTimes:
    """Return seconds by processor number: the eight modes in order, then guest and guest nice."""
    times: CpuTimes = {}
    for line in stat.splitlines():
        if not line.startswith("cpu"):
            break
        if line[3] == " ":
            continue
        name, *ticks = line.split()
        times[name[3:]] = tuple(int(tick) / TICKS_PER_SECOND for tick in ticks)
    return times


def steady(previous: CpuTimes, current: CpuTimes) -> CpuTimes:
    """Hold each counter at its highest value: the kernel lets idle and iowait slip back by some ticks.

    A processor that was taken offline and came back starts anew.
    """
    held: CpuTimes = {}
    for cpu, now in current.items():
        before = previous.get(cpu)
        if before is None or len(before) != len(now) or before[_IDLE] - now[_IDLE] > _HOTPLUG_SECONDS:
            held[cpu] = now
        else:
            held[cpu] = tuple(map(max, before, now))
    return held


def processors(times: CpuTimes) -> list[Reading]:
    readings: list[Reading] = []
    for cpu, seconds in times.items():
        readings += [
            ("node_cpu_seconds_total", (("cpu", cpu), ("mode", mode)), value)
            for mode, value in zip(CPU_MODES, seconds, strict=False)
        ]
        if len(seconds) > _GUEST + 1:
            guest = "node_cpu_guest_seconds_total"
            readings.append((guest, (("cpu", cpu), ("mode", "user")), seconds[_GUEST]))
            readings.append((guest, (("cpu", cpu), ("mode", "nice")), seconds[_GUEST + 1]))
    return readings


def counters(stat: str) -> list[Reading]:
    """Read what follows the processors in /proc/stat."""
    readings: list[Reading] = []
    for line in stat.splitlines():
        name, _, rest = line.partition(" ")
        metric = _COUNTERS.get(name)
        if metric is not None:
            # The line of interrupts has thousands of numbers on some machines; the first is their sum.
            readings.append((metric, (), float(rest.split(None, 1)[0])))
    return readings


def load(loadavg: str) -> list[Reading]:
    values = loadavg.split()[:3]
    return [
        (name, (), float(value))
        for name, value in zip(("node_load1", "node_load5", "node_load15"), values, strict=False)
    ]


def pressure(resource: str, text: str) -> list[Reading]:
    """Read one file of /proc/pressure; its totals are microseconds."""
    totals = {}
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        totals[kind] = float(rest.rpartition("total=")[2]) / 1e6
    return [(metric, (), totals[kind]) for kind, metric in _PRESSURE[resource] if kind in totals]


def descriptors(file_nr: str) -> list[Reading]:
    values = file_nr.split()
    if len(values) != 3:
        return []
    return [("node_filefd_allocated", (), float(values[0])), ("node_filefd_maximum", (), float(values[2]))]


def entropy(available: str, pool_size: str) -> list[Reading]:
    pairs = (("node_entropy_available_bits", available), ("node_entropy_pool_size_bits", pool_size))
    return [(name, (), float(text)) for name, text in pairs if text.strip()]


def uname(pairs: Pairs) -> list[Reading]:
    """Name the kernel; `pairs` are sysname, nodename, release, version, machine and domainname."""
    return [("node_uname_info", pairs, 1.0)]
