"""Who is meant: from an entity or a wish to services and replicas, and who they were before the effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

from steersman.contract.ports import Context
from steersman.model.entities import Entity, EntityKind
from steersman.services.workloads.logic.reports import service_entity
from steersman.services.workloads.model.replicas import Identity, Replica
from steersman.services.workloads.model.wishes import Which
from steersman.services.workloads.store.fleet import Fleet
from steersman.services.workloads.store.view import FleetView

#: The permission of everything that changes a running service.
PERMISSION = "workloads.services.operate"


class Named(Protocol):
    """Arguments that name a service."""

    @property
    def service(self) -> str: ...


class NamedReplica(Named, Protocol):
    """Arguments that may also name one replica."""

    @property
    def replica(self) -> int | None: ...


def fleet_of(ctx: Context) -> Fleet:
    found: Fleet = ctx.state.fleet
    return found


def view_of(ctx: Context) -> FleetView:
    """Return what may be looked at; it is all that a preview has."""
    found: FleetView = getattr(ctx.state, "looking", ctx.state)
    return found


def target_service(args: Named) -> Entity:
    return service_entity(args.service)


def target_replica(args: NamedReplica) -> Entity:
    """Return the process of one replica where one is named, the service otherwise."""
    if args.replica is None:
        return service_entity(args.service)
    return Entity(EntityKind.PROCESS, f"{args.service}/{args.replica}")


def meant(view: FleetView, args: NamedReplica) -> list[Replica]:
    """Return the replicas that a wish names; raises `NotFound`."""
    if args.replica is not None:
        return [view.replica(args.service, args.replica)]
    return view.replicas(args.service)


def which(view: FleetView, entity: Entity) -> Which | None:
    """Return what an entity is here: a service, one replica, or nothing of ours."""
    if entity.kind is EntityKind.SERVICE and entity.id in view.definitions:
        return Which(entity.id)
    service, _, number = entity.id.rpartition("/")
    if entity.kind is EntityKind.PROCESS and service in view.definitions and number.isdecimal():
        return Which(service, int(number)) if int(number) < view.count(service) else None
    return None


def identities(ctx: Context, args: NamedReplica) -> Mapping[str, Any]:
    """Say who the replicas are now; it is what a repeated effect compares with."""
    return {
        "replicas": {
            str(replica.number): asdict(replica.identity) if replica.identity else None
            for replica in meant(view_of(ctx), args)
        }
    }


def identity_in(prior: Mapping[str, Any], replica: Replica) -> Identity | None:
    """Return who a replica was before the effect."""
    found = prior["replicas"].get(str(replica.number))
    return Identity(**found) if found else None
