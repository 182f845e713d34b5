"""Which series tell of something bounded, whose it is, and how used and limit become a share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from steersman.model.entities import Entity, EntityKind
from steersman.model.findings import Aspect
from steersman.model.labels import METRIC_NAME, Labels
from steersman.services.capacity.model.bounded import Bound, Driver, Grid, Series

BOUNDS = (
    Bound(
        "filesystem",
        Aspect.DISK,
        Driver.GROWTH,
        "node_filesystem_avail_bytes",
        "node_filesystem_size_bytes",
        "bytes",
        is_left=True,
    ),
    Bound(
        "inodes",
        Aspect.DISK,
        Driver.GROWTH,
        "node_filesystem_files_free",
        "node_filesystem_files",
        "inodes",
        is_left=True,
    ),
    Bound(
        "memory",
        Aspect.MEMORY,
        Driver.HOST,
        "node_memory_MemAvailable_bytes",
        "node_memory_MemTotal_bytes",
        "bytes",
        is_left=True,
    ),
    Bound("descriptors", Aspect.DESCRIPTORS, Driver.LOAD, "process_open_fds", "process_max_fds", "descriptors"),
    Bound("pool", Aspect.POOL, Driver.LOAD, "pool_connections_in_use", "pool_connections_max", "connections"),
    Bound("quota", Aspect.DISK, Driver.GROWTH, "data_dir_bytes_used", "data_dir_bytes_quota", "bytes"),
    Bound(
        "folder",
        Aspect.DISK,
        Driver.GROWTH,
        "steersman_housekeeping_used_bytes",
        "steersman_housekeeping_quota_bytes",
        "bytes",
    ),
)
#: Images that are full by nature, and memory that only looks like a disk.
_NO_DISKS = frozenset({"squashfs", "iso9660", "erofs", "tmpfs", "devtmpfs", "ramfs", "proc", "sysfs"})
_SERVICE_LABELS = ("service", "service_name", "job")
_TELLS_APART = ("mountpoint", "path", "pool", "replica", "device")


def is_bounded(labels: Mapping[str, str]) -> bool:
    """Whether a series is about something that can run out."""
    return labels.get("fstype", "") not in _NO_DISKS


def service_of(labels: Mapping[str, str]) -> str:
    """Return the service that a series belongs to, or nothing."""
    return next((labels[name] for name in _SERVICE_LABELS if labels.get(name)), "")


def entity_of(metric: str, labels: Mapping[str, str]) -> Entity:
    """Return whose series this is: a machine's for `node_` metrics, otherwise a service's."""
    if metric.startswith("node_"):
        return Entity(EntityKind.HOST, labels.get("nodename") or labels.get("instance") or "localhost")
    name = service_of(labels)
    return Entity(EntityKind.SERVICE, name) if name else Entity(EntityKind.PLATFORM, "steersman")


def without_name(labels: Labels) -> Labels:
    return tuple((name, value) for name, value in labels if name != METRIC_NAME)


def series_of(bound: Bound, labels: Labels, amount: Grid, limit: Grid) -> Series:
    """Return the share of a limit that is used, 0 to 1, on the grid of what is used."""
    known = dict(labels)
    entity = entity_of(bound.amount, known)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = amount.values / limit.values
    share = np.where(np.isfinite(share), share, np.nan)
    return Series(
        id=identified(bound.kind, labels),
        kind=bound.kind,
        name=named(bound.kind, entity, known),
        entity=entity,
        unit="share",
        grid=Grid(1.0 - share if bound.is_left else share, amount.step_ms, amount.end_ms),
        aspect=bound.aspect,
        driver=bound.driver,
        limit=1.0,
        capacity=last_known(limit),
    )


def identified(kind: str, labels: Labels) -> str:
    """Return an id that is the same for the same labels and fits into an address."""
    text = "\n".join(f"{name}={value}" for name, value in labels)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def named(kind: str, entity: Entity, labels: Mapping[str, str]) -> str:
    """Return a name for people, such as `filesystem / of host web-1`."""
    own = [labels[name] for name in _TELLS_APART if labels.get(name)]
    return f"{' '.join([kind, *own[:1]])} of {entity.kind} {entity.id}"


def last_known(grid: Grid) -> float | None:
    """Return the newest known value."""
    known = np.flatnonzero(np.isfinite(grid.values))
    return float(grid.values[known[-1]]) if known.size else None
