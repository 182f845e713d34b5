"""What lines of the kernel and of smartd say about hardware. Lines of anything else are not believed: anybody can
write a log line that looks like a disk error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from steersman.services.maintenance.logic import rules
from steersman.services.maintenance.model.hazard import ComponentKey, Part, Rule

#: What the log store is asked for; `patterns` decide then.
QUERY = (
    "(service:kernel OR service:smartd) "
    '("I/O error" OR "EXT4-fs error" OR XFS OR EDAC OR mce OR "Hardware Error" OR "Out of memory" '
    'OR Device OR "temperature above")'
)
_KERNEL, _SMARTD = "kernel", "smartd"


@dataclass(frozen=True, slots=True)
class _Pattern:
    source: str
    regex: re.Pattern[str]
    rule: Rule


def _pattern(source: str, regex: str, rule: Rule) -> _Pattern:
    return _Pattern(source, re.compile(regex), rule)


_PATTERNS = (
    _pattern(_KERNEL, r"I/O error,? (?:on )?dev(?:ice)? (?P<disk>\w+)", rules.IO_ERROR),
    _pattern(_KERNEL, r"EXT4-fs error \(device (?P<disk>\w+)\)", rules.FS_ERROR),
    _pattern(_KERNEL, r"XFS \((?P<disk>\w+)\): .*(?:[Cc]orruption|error)", rules.FS_ERROR),
    _pattern(_KERNEL, r"EDAC .*\bUE\b|[Uu]ncorrected.* memory error", rules.UNCORRECTED),
    _pattern(_KERNEL, r"EDAC .*\bCE\b|[Cc]orrected.* memory error", rules.CORRECTED),
    _pattern(_KERNEL, r"mce: \[Hardware Error\]|Machine check events logged", rules.MACHINE_CHECK),
    _pattern(_KERNEL, r"temperature above threshold", rules.THROTTLED),
    _pattern(_KERNEL, r"Out of memory: Kill(?:ed)? process", rules.OOM),
    _pattern(
        _SMARTD,
        r"Device: /dev/(?P<disk>\w+).*(?:unreadable|[Oo]ffline uncorrectable|FAILED|Prefailure|FAILURE)",
        rules.SMARTD,
    ),
)


def signs_in(service: str, host: str, line: str) -> Iterator[tuple[Rule, ComponentKey]]:
    """Yield what a line says of which component: at most one thing."""
    for pattern in _PATTERNS:
        found = pattern.regex.search(line) if pattern.source == service else None
        if found is None:
            continue
        part = pattern.rule.part
        name = disk_of(found["disk"]) if part is Part.DISK else ""
        yield pattern.rule, ComponentKey(part, host, name)
        return


def disk_of(device: str) -> str:
    """Return the disk of a partition: sda of sda1, nvme0n1 of nvme0n1p2."""
    device = device.removeprefix("/dev/")
    if match := re.fullmatch(r"(nvme\d+n\d+|mmcblk\d+)p\d+", device):
        return match[1]
    if match := re.fullmatch(r"((?:sd|vd|hd|xvd)[a-z]+)\d+", device):
        return match[1]
    return device
