"""Signs in what `smartctl --json -a DEVICE` prints, for ATA and NVMe disks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from steersman.services.maintenance.logic import rules
from steersman.services.maintenance.model.hazard import Rule

#: Attributes by their number: the names differ between vendors.
_ATTRIBUTES: Mapping[int, Rule] = {
    5: rules.REALLOCATED,
    187: rules.REPORTED,
    197: rules.PENDING,
    198: rules.OFFLINE,
}
_HOT, _WORN = 55.0, 90.0


def signs_of(report: Mapping[str, Any]) -> Iterator[tuple[Rule, float]]:
    """Yield the rules that hold with their values; parts that are missing or strange say nothing."""
    if _at(report, "smart_status", "passed") is False:
        yield rules.UNHEALTHY, 0.0
    table = _at(report, "ata_smart_attributes", "table")
    for row in table if isinstance(table, list) else ():
        rule = _ATTRIBUTES.get(_at(row, "id")) if isinstance(_at(row, "id"), int) else None
        raw = _number(_at(row, "raw", "value"))
        if rule is not None and raw:
            yield rule, raw
    log = _at(report, "nvme_smart_health_information_log")
    if media := _number(_at(log, "media_errors")):
        yield rules.MEDIA, media
    if (worn := _number(_at(log, "percentage_used"))) > _WORN:
        yield rules.WORN, worn
    if (warm := _number(_at(report, "temperature", "current"))) > _HOT:
        yield rules.HOT_DISK, warm


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
