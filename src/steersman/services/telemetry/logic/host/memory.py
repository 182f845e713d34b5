"""Memory and paging: /proc/meminfo and the part of /proc/vmstat that node_exporter keeps by default."""

from __future__ import annotations

import re

from steersman.services.telemetry.logic.host.readings import Reading

_MEMORY = re.compile(r"^([^:\n]+):\s+(\d+)( kB)?$", re.MULTILINE)
_PAGING = re.compile(r"^((?:oom_kill|pgpg|pswp|pg[^ ]*fault)[^ ]*) (\d+)$", re.MULTILINE)


def amounts(meminfo: str) -> dict[str, float]:
    """Return the lines of /proc/meminfo by the kernel's own names; amounts with a unit are bytes."""
    return {name: float(value) * 1024 if unit else float(value) for name, value, unit in _MEMORY.findall(meminfo)}


def memory(meminfo: str) -> list[Reading]:
    readings: list[Reading] = []
    for name, value, unit in _MEMORY.findall(meminfo):
        plain = name.replace("(", "_").replace(")", "")
        if unit:
            readings.append((f"node_memory_{plain}_bytes", (), float(value) * 1024))
        else:
            readings.append((f"node_memory_{plain}", (), float(value)))
    return readings


def paging(vmstat: str) -> list[Reading]:
    return [(f"node_vmstat_{name}", (), float(value)) for name, value in _PAGING.findall(vmstat)]
