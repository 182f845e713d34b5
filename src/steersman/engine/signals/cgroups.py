"""Whose a process is, as its control groups tell: the unit of systemd or the container that it belongs to."""

from __future__ import annotations

import re

from steersman.model.entities import Entity, EntityKind

_UNIT = re.compile(r"^(?P<name>.+)\.(?:service|scope)$")
_CONTAINER = re.compile(r"^(?:(?P<engine>[a-z-]+?)-)?(?P<id>[0-9a-f]{64})(?:\.scope)?$")
_USER_SLICE = re.compile(r"^user-\d+\.slice$")
_SHORT_ID = 12
_SERVICE = ".service"


def service_of(cgroup: str) -> str:
    """Return the systemd unit or the container that /proc/PID/cgroup names, or nothing.

    A login session is its user's: sessions are numbered, and each number would be a new series.
    """
    parts = _service_path(cgroup).split("/")
    for part in reversed(parts):
        container = _CONTAINER.match(part)
        if container:
            return f"{container['engine'] or 'container'}-{container['id'][:_SHORT_ID]}"
        unit = _UNIT.match(part)
        if unit and not unit["name"].startswith("session-"):
            return part
        if _USER_SLICE.match(part):
            return part
    return ""


def owner_of(cgroup: str) -> Entity | None:
    """Return the service or the container that a process belongs to; None for one that somebody just started.

    A unit has the name that the orchestrators give it, so that what they find of it is found of the same thing.
    """
    name = service_of(cgroup)
    if name.endswith(_SERVICE):
        return Entity(EntityKind.SERVICE, name.removesuffix(_SERVICE))
    if not name or name.endswith((".scope", ".slice")):
        return None
    return Entity(EntityKind.CONTAINER, name)


def _service_path(cgroup: str) -> str:
    """Return the path in cgroup 2 or, where that is the root, in systemd's own tree of cgroup 1."""
    paths = {}
    for line in cgroup.splitlines():
        _, controllers, path = line.split(":", 2)
        paths[controllers] = path
    for controllers in ("", "name=systemd", "memory", "cpu,cpuacct"):
        if len(paths.get(controllers, "")) > 1:
            return paths[controllers]
    return ""
