"""One process: what /proc/PID says about it."""

from __future__ import annotations

from dataclasses import dataclass

from steersman.services.telemetry.logic.host.kernel import TICKS_PER_SECOND

#: PF_KTHREAD of the kernel's sched.h: a thread of the kernel itself.
_KERNEL_THREAD = 0x00200000


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """The fields of /proc/PID/stat that groups are made of; times in seconds since boot."""

    pid: int
    command: str
    state: str
    cpu_seconds: float
    threads: int
    started: float
    resident_pages: int
    of_kernel: bool


def parse_stat(text: str) -> ProcessStat | None:
    """Read /proc/PID/stat. None when the process ended while it was read.

    A command may hold spaces and parentheses, so its end is the last parenthesis of the line.
    """
    start, end = text.find("("), text.rfind(")")
    fields = text[end + 2 :].split()
    if start < 0 or len(fields) < 22:
        return None
    return ProcessStat(
        pid=int(text[:start]),
        command=text[start + 1 : end],
        state=fields[0],
        cpu_seconds=(int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND,
        threads=int(fields[17]),
        started=int(fields[19]) / TICKS_PER_SECOND,
        resident_pages=int(fields[21]),
        of_kernel=bool(int(fields[6]) & _KERNEL_THREAD),
    )


def parse_io(text: str) -> tuple[float, float]:
    """Return the bytes that a process read from and wrote to storage, of /proc/PID/io."""
    fields = dict(line.split(": ") for line in text.splitlines())
    return float(fields.get("read_bytes", 0)), float(fields.get("write_bytes", 0))
