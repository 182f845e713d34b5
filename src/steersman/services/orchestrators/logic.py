"""Reads what peers answer: which replica set came before, what limits a container has, what is in trouble. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any

from steersman.model.entities import Entity, EntityKind
from steersman.model.errors import NotFound
from steersman.services.orchestrators.model import Changed, ContainerLimit, Seen, UnitSeen, service_of

#: Kubernetes puts the number of a rollout here, and this label onto the template of each replica set.
_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"
#: Our own note on a deployment: which templates were rolled back from.
ROLLED_BACK_FROM = "steersman.io/rolled-back-from"
#: CFS period in microseconds: the kernel's and Docker's default.
_PERIOD = 100_000


def allowed(patterns: Sequence[str], name: str) -> bool:
    """Tell whether an owner lets something be acted upon."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def revision(thing: Mapping[str, Any]) -> int:
    """Return the number of a deployment's or replica set's rollout; 0 where it has none yet."""
    found = (thing["metadata"].get("annotations") or {}).get(_REVISION, "0")
    return int(found) if str(found).isdecimal() else 0


def template_before(deployment: Mapping[str, Any], sets: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, Any]]:
    """Return revision and template of the rollout before this one; raises `NotFound` where there was none.

    A template that was left by a rollback is not gone back to: two rollbacks in a row would lead to the bad one.
    """
    uid, current, bad = deployment["metadata"]["uid"], revision(deployment), left_behind(deployment)
    own = [one for one in sets if any(owner.get("uid") == uid for owner in one["metadata"].get("ownerReferences", ()))]
    older = sorted(
        (one for one in own if 0 < revision(one) < current and digest(_template_of(one)) not in bad), key=revision
    )
    if not older:
        raise NotFound(f"the deployment {deployment['metadata']['name']} has no earlier replica set to go back to")
    return revision(older[-1]), _template_of(older[-1])


def _template_of(owner: Mapping[str, Any]) -> dict[str, Any]:
    return plain_template(owner["spec"]["template"])


def left_behind(deployment: Mapping[str, Any]) -> list[str]:
    """Return the digests of the templates that rollbacks have left, oldest first."""
    noted = (deployment["metadata"].get("annotations") or {}).get(ROLLED_BACK_FROM, "")
    return [one for one in noted.split(",") if one]


def digest(template: Mapping[str, Any]) -> str:
    """Return a short name for a template's content."""
    return sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:16]


def plain_template(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template without the label that its replica set added."""
    metadata = dict(template.get("metadata") or {})
    labels = {name: value for name, value in (metadata.get("labels") or {}).items() if name != _HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}


def update_of(container: Mapping[str, Any], wish: ContainerLimit) -> dict[str, Any]:
    """Return the body of a container's update.

    Zero means "as it is" to the engine, so a limit on processors is given as a quota, which -1 takes off again, or
    in the unit that the container has already.
    """
    limits, body = container["HostConfig"], {}
    if wish.cpus is not None:
        if limits.get("NanoCpus"):
            body["NanoCpus"] = round(wish.cpus * 1e9)
        else:
            body |= {"CpuPeriod": _PERIOD, "CpuQuota": round(wish.cpus * _PERIOD)}
    if wish.memory_bytes is not None:
        # Docker wants the limit with swap to be no smaller; twice the memory is what it takes by itself.
        body |= {"Memory": wish.memory_bytes, "MemorySwap": _swap(limits, wish.memory_bytes)}
    return body


def _swap(limits: Mapping[str, Any], memory: int) -> int:
    known = int(limits.get("MemorySwap") or 0)
    return -1 if known < 0 else memory + max(0, known - int(limits.get("Memory") or 0))


def restoring(limits: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that takes an update back."""
    restored: dict[str, Any] = {}
    for name in body:
        known = limits.get(name) or 0
        restored[name] = known or {"CpuQuota": -1, "CpuPeriod": _PERIOD}.get(name, known)
    return restored


def has_limits(limits: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Tell whether a container has the limits of an update already."""
    return all(
        int(limits.get(name) or 0) == value or (value == -1 and not limits.get(name)) for name, value in body.items()
    )


def units_seen(units: Sequence[UnitSeen]) -> Iterator[Seen]:
    """Tell what is wrong with units. An inactive one may have been stopped on purpose."""
    for unit in units:
        trouble = f"the unit {unit.name} has failed" if unit.active == "failed" else ""
        yield Seen(service_of(unit.name), "unit", unit.name, trouble)


def containers_seen(containers: Sequence[Mapping[str, Any]]) -> Iterator[Seen]:
    """Tell what is wrong with containers, from the engine's list of them."""
    for one in containers:
        name = one["Names"][0].lstrip("/")
        state, status = str(one.get("State", "")), str(one.get("Status", ""))
        failed = state == "dead" or (state == "exited" and not status.startswith("Exited (0)"))
        sick = state == "running" and "(unhealthy)" in status
        restarting = state == "restarting"
        trouble = f"the container {name} is {state}: {status}" if failed or sick or restarting else ""
        labels = one.get("Labels") or {}
        service = labels.get("com.docker.compose.service", "")
        known = (("service", service),) if service else ()
        yield Seen(Entity(EntityKind.CONTAINER, name, known), "container", name, trouble, restarting)


def deployments_seen(deployments: Sequence[Mapping[str, Any]]) -> Iterator[Seen]:
    """Tell which deployments have fewer pods that serve than they should."""
    for one in deployments:
        name = one["metadata"]["name"]
        wanted = int(one["spec"].get("replicas", 1))
        available = int((one.get("status") or {}).get("availableReplicas") or 0)
        trouble = f"the deployment {name} has {available} of {wanted} replicas available" if available < wanted else ""
        yield Seen(Entity(EntityKind.SERVICE, name), "deployment", name, trouble, replicas=wanted)


def unchanged(target: str, state: str) -> Changed:
    """Return the result for what was so already."""
    return Changed(target, state, changed=False)
