"""What runs, how it is doing, and what it wrote last."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from steersman.contract.ports import Context
from steersman.contract.service import Page, Route
from steersman.services.workloads.logic.health import healthy_share, recent_exits
from steersman.services.workloads.model.replicas import Condition, Replica
from steersman.services.workloads.store.disk import read_link
from steersman.services.workloads.store.view import FleetView

_TAIL_BYTES = 1 << 20
#: The console's badges: what is fine, what to wait for, what is wrong.
_BADGES = {
    Condition.STARTING: "stale",
    Condition.HEALTHY: "fresh",
    Condition.UNHEALTHY: "failing",
    Condition.GONE: "failing",
    Condition.STOPPED: "stale",
}


class ReplicaState(BaseModel):
    """One replica."""

    number: int
    condition: str
    pid: int | None
    port: int | None
    started_ms: int
    release: str
    exits: int
    reason: str
    cores: float
    resident_bytes: int
    threads: int
    open_files: int


class ServiceState(BaseModel):
    """One service with its replicas. `healthy` is the share of the replicas that are well."""

    name: str
    healthy: float
    wanted: int
    max_replicas: int
    depends_on: list[str]
    self_healing: bool
    release: str
    labels: dict[str, str]
    replicas: list[ReplicaState]


class LogTail(BaseModel):
    """The last lines that a replica wrote."""

    service: str
    replica: int
    lines: list[str]


def _replica(view: FleetView, replica: Replica) -> ReplicaState:
    ended = replica.last_exit.reason if replica.last_exit else ""
    usage = replica.usage
    return ReplicaState(
        number=replica.number,
        condition=view.condition(replica),
        pid=replica.identity.pid if replica.identity else None,
        port=view.definition(replica.service).port_of(replica.number),
        started_ms=replica.started_ms,
        release=replica.release,
        exits=recent_exits(replica, view.now_ms()),
        reason=replica.answering.reason if replica.identity else ended,
        cores=round(usage.cores, 3),
        resident_bytes=usage.resident_bytes,
        threads=usage.threads,
        open_files=usage.open_files,
    )


def _service(view: FleetView, name: str) -> ServiceState:
    definition = view.definition(name)
    replicas = view.replicas(name)
    return ServiceState(
        name=name,
        healthy=healthy_share([view.condition(one) for one in replicas]),
        wanted=view.count(name),
        max_replicas=definition.most_replicas,
        depends_on=list(definition.depends_on),
        self_healing=definition.self_healing,
        release=read_link(definition.current),
        labels=dict(definition.labels),
        replicas=[_replica(view, one) for one in replicas],
    )


def services(context: Context) -> list[ServiceState]:
    view: FleetView = context.state.looking
    return [_service(view, name) for name in view.definitions]


def log(
    context: Context,
    name: str,
    replica: Annotated[int, Query(ge=0)] = 0,
    lines: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> LogTail:
    """Return the end of a replica's log, a mebibyte of it at most."""
    view: FleetView = context.state.looking
    path = view.log_of(name, view.replica(name, replica).number)
    kept: deque[str] = deque(maxlen=lines)
    if path.exists():
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            kept.extend(file.read().decode("utf-8", "replace").splitlines())
    return LogTail(service=name, replica=replica, lines=list(kept))


def view(ctx: Context) -> Mapping[str, Any]:
    """Give the page its table."""
    return {"services": services(ctx), "now_ms": ctx.state.looking.now_ms(), "badges": _BADGES}


ROUTES = (
    Route(
        method="GET",
        path="/api/workloads/services",
        handler=services,
        permission="workloads.services.read",
        summary="The services that run under supervision: processes, health, release, replicas.",
    ),
    Route(
        method="GET",
        path="/api/workloads/services/{name}/log",
        handler=log,
        permission="workloads.logs.read",
        summary="The last lines that a replica of a service wrote.",
        errors=(404,),
    ),
)
PAGES = (
    Page(
        path="/services",
        title="Services",
        title_zh="服务",
        template="services.html",
        view=view,
        permission="workloads.services.read",
    ),
)
