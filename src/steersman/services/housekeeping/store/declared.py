"""The declared folders and how full they are. `Declared` can only look; `Housekeeping` holds it and may act."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from steersman.contract.ports import Context
from steersman.model.entities import Entity, EntityKind
from steersman.model.errors import Forbidden, InvalidInput, NotFound, Permanent
from steersman.services.housekeeping.logic import matches
from steersman.services.housekeeping.model import (
    DiskPolicy,
    FileSeen,
    HousekeepingSettings,
    Measure,
    Usage,
    refuse_system_folder,
)
from steersman.services.housekeeping.store import Folder, opened
from steersman.services.housekeeping.store.effects import WorkingFolder


@dataclass(frozen=True, slots=True)
class Declared:
    """The policies by path, where each path led when the platform started, and the newest figures."""

    settings: HousekeepingSettings
    real: dict[str, str]
    usage: dict[str, Usage] = field(default_factory=dict)
    history: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    began_ms: dict[str, int] = field(default_factory=dict)

    def policy(self, path: str, service: str) -> DiskPolicy:
        """Return the policy for a folder; raises `NotFound`, or `InvalidInput` where the owner is another."""
        found = next((policy for policy in self.settings.paths if policy.path == path), None)
        if found is None:
            raise NotFound(f"no folder {path} is declared for housekeeping")
        if found.service != service:
            raise InvalidInput(f"{path} belongs to {found.service or 'the host'}, not to {service or 'the host'}")
        return found

    def allowed(self, path: str, service: str, measure: Measure) -> DiskPolicy:
        """Return the policy for a folder where it allows a measure; raises `Forbidden` where it does not."""
        found = self.policy(path, service)
        if measure not in found.allow:
            raise Forbidden(f"the policy for {path} does not allow to {measure}")
        return found

    @contextmanager
    def folder(self, policy: DiskPolicy) -> Iterator[Folder]:
        """Open a declared folder for looking."""
        with opened(self.real[policy.path]) as folder:
            yield folder

    def find(self, policy: DiskPolicy, name: str) -> FileSeen | None:
        """Return a file that the policy is about; raises `Forbidden` for another."""
        with self.folder(policy) as folder:
            found = folder.find(name)
        if not matches(policy, name):
            raise Forbidden(f"no pattern of the policy for {policy.path} matches {name}")
        return found


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """The state of the service. One effect at a time: two plans for one folder would count the same bytes twice."""

    looking: Declared
    acting: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def working(self, policy: DiskPolicy) -> Iterator[WorkingFolder]:
        """Open a declared folder for acting upon."""
        with self.acting, self.looking.folder(policy) as folder:
            yield WorkingFolder(folder)


def declared(settings: HousekeepingSettings, data_dir: str) -> Declared:
    """Resolve the declared folders once; raises `Permanent` where one leads to what is not the owner's."""
    real = {policy.path: os.path.realpath(policy.path) for policy in settings.paths}
    own = os.path.realpath(data_dir)
    for path, target in real.items():
        try:
            refuse_system_folder(target)
        except ValueError as error:
            raise Permanent(f"housekeeping.paths: {path} leads to {target}: {error}") from error
        if f"{own}/".startswith(f"{target}/"):
            raise Permanent(f"housekeeping.paths: the platform's own data directory {own} lies in {path}")
    return Declared(settings, real)


def owner(service: str) -> Entity:
    """Return whose folder it is: a service, or this machine."""
    return Entity(EntityKind.SERVICE, service) if service else Entity(EntityKind.HOST, os.uname().nodename)


def declared_of(context: Context) -> Declared:
    """Return the half of the state that can change nothing, which is all that a preview gets."""
    state: Housekeeping | Declared = context.state
    return state.looking if isinstance(state, Housekeeping) else state


def policies_of(looking: Declared, entity: Entity) -> list[DiskPolicy]:
    """Return the policies that matter to an entity: its own, its service's, or all where it is the machine."""
    if entity.kind is EntityKind.HOST:
        return list(looking.settings.paths) if entity.id == os.uname().nodename else []
    name = entity.id.partition("/")[0] if entity.kind is EntityKind.PROCESS else entity.id
    return [policy for policy in looking.settings.paths if policy.service and policy.service == name]
