"""One look at the kernel's counters, as the live page wants it."""

from __future__ import annotations

from collections.abc import Mapping

from steersman.services.telemetry.logic.host.disks import Mount, Usage, disk_lines
from steersman.services.telemetry.logic.host.kernel import cpu_times
from steersman.services.telemetry.logic.host.memory import amounts
from steersman.services.telemetry.logic.host.network import device_lines
from steersman.services.telemetry.logic.live import Counters, CpuTimes, FileSystem

_SECTOR = 512
_SECTORS_READ, _SECTORS_WRITTEN = 2, 6
_BYTES_RECEIVED, _BYTES_SENT = 0, 8
_LOOPBACK = "lo"


def look(
    time_ms: int,
    *,
    stat: str,
    meminfo: str,
    loadavg: str,
    diskstats: str,
    net_dev: str,
    usages: Mapping[Mount, Usage | None],
) -> Counters:
    """Add up what the kernel counts; a text may be empty. Traffic of the machine with itself is no traffic."""
    memory = amounts(meminfo)
    total = memory.get("MemTotal", 0.0)
    # Kernels before 3.14 do not say what is available; what is free is then the safe answer.
    available = memory.get("MemAvailable", memory.get("MemFree", 0.0))
    disks = [values for _, values in disk_lines(diskstats)]
    devices = [values for device, values in device_lines(net_dev) if device != _LOOPBACK]
    load = [float(value) for value in loadavg.split()[:3]]
    return Counters(
        time_ms=time_ms,
        cores=tuple(_core(seconds) for seconds in cpu_times(stat).values()),
        memory_total=int(total),
        memory_used=int(total - available),
        memory_cached=int(sum(memory.get(name, 0.0) for name in ("Cached", "Buffers", "SReclaimable"))),
        memory_available=int(available),
        disk_read=_SECTOR * _sum(disks, _SECTORS_READ),
        disk_written=_SECTOR * _sum(disks, _SECTORS_WRITTEN),
        net_received=_sum(devices, _BYTES_RECEIVED),
        net_sent=_sum(devices, _BYTES_SENT),
        load=(load[0], load[1], load[2]) if len(load) == 3 else (0.0, 0.0, 0.0),
        filesystems=tuple(_file_system(mount, usage) for mount, usage in usages.items() if usage),
    )


def _core(seconds: tuple[float, ...]) -> CpuTimes:
    user, nice, system, idle, iowait, *rest = seconds
    # After interrupts, soft interrupts and steal come the guests, which the kernel counts as user time too.
    return CpuTimes(user=user + nice, system=system, iowait=iowait, other=sum(rest[:3]), idle=idle)


def _sum(rows: list[list[str]], column: int) -> int:
    return sum(int(row[column]) for row in rows)


def _file_system(mount: Mount, usage: Usage) -> FileSystem:
    return FileSystem(
        mount=mount.mount_point,
        total=int(usage.size),
        used=int(usage.size - usage.free),
        available=int(usage.available),
    )
