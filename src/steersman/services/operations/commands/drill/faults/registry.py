"""Every kind of fault and of harmless event by name. A scenario may name these and no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from steersman.model.errors import InvalidInput
from steersman.services.operations.commands.drill.faults import demand, deploys, processes, surroundings
from steersman.services.operations.commands.drill.faults.handle import Handle
from steersman.services.operations.commands.drill.faults.planting import flush, planting, stampede
from steersman.services.operations.commands.drill.faults.spec import Happening
from steersman.services.operations.commands.drill.mesh.layout import Mesh
from steersman.services.operations.commands.drill.mesh.plan import NAMES

_TLS = frozenset({"payments", "payments_b"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: how it begins, and which services it can strike."""

    begin: Callable[[Happening, Mesh], Handle]
    targets: frozenset[str] = NAMES


FAULTS: Mapping[str, Kind] = {
    "crash": Kind(processes.crash),
    "crash_loop": Kind(processes.crash_loop),
    "hang": Kind(processes.hang),
    "dead_loop": Kind(planting("dead_loop", 1)),
    "memory_leak": Kind(planting("leak_mb_per_second", 20)),
    "cpu_hog": Kind(planting("hog_threads", 2)),
    "disk_filling": Kind(surroundings.fill_disk, frozenset({"database"})),
    "descriptor_leak": Kind(planting("descriptors_per_second", 40)),
    "pool_exhaustion": Kind(planting("forget_ratio", 0.5), frozenset({"inventory"})),
    "slow": Kind(planting("latency_ms", 400)),
    "failing": Kind(planting("error_ratio", 0.6)),
    "bad_deploy_errors": Kind(deploys.deploying("error_ratio", 0.35)),
    "bad_deploy_latency": Kind(deploys.deploying("latency_ms", 350)),
    "bad_deploy_memory": Kind(deploys.deploying("leak_kb_per_request", 1_000)),
    "bad_deploy_crash": Kind(deploys.deploying("crash_on_start", 1)),
    "bad_config_address": Kind(
        deploys.configuring(deploys.wrong_upstream), frozenset({"front", "orders", "inventory"})
    ),
    "bad_config_timeout": Kind(deploys.configuring(deploys.hasty), frozenset({"front", "orders", "inventory"})),
    "stuck_worker": Kind(planting("stuck", 1), frozenset({"worker"})),
    "backlog": Kind(demand.heavier, frozenset({"worker"})),
    "cache_stampede": Kind(stampede, frozenset({"cache"})),
    "lock_contention": Kind(planting("hold_lock_ms", 850), frozenset({"database"})),
    "log_flood": Kind(planting("flood_lines_per_second", 2_000)),
    "expired_certificate": Kind(surroundings.expire_certificate, _TLS),
    "clock_jump": Kind(surroundings.jump_clock),
    "network_loss": Kind(surroundings.cut_wire, frozenset({"payments"})),
    "noisy_neighbour": Kind(planting("burn_processes", 16), frozenset({"batch"})),
}

EVENTS: Mapping[str, Kind] = {
    "load_surge": Kind(demand.scaled(1.8), frozenset({"front"})),
    "quiet_night": Kind(demand.scaled(0.2), frozenset({"front"})),
    "daily_peak": Kind(demand.peak, frozenset({"front"})),
    "slow_drift": Kind(planting("leak_mb_per_second", 0.05)),
    "good_deploy": Kind(deploys.deploying("", 0)),
    "good_config": Kind(deploys.configuring(deploys.patient)),
    "backup": Kind(planting("backup_mb_per_second", 5), frozenset({"batch"})),
    "gc_blips": Kind(planting("blips_ms", 120)),
    "planned_restart": Kind(processes.restart),
    "cache_flush": Kind(flush, frozenset({"cache"})),
    "certificate_renewal": Kind(surroundings.renew_certificate, _TLS),
}


def kind_of(name: str) -> Kind:
    """Look a kind up; raises `InvalidInput` with those that there are."""
    found = FAULTS.get(name) or EVENTS.get(name)
    if found is None:
        raise InvalidInput(f"there is no fault or event {name!r}; there are {', '.join(sorted({*FAULTS, *EVENTS}))}")
    return found


def begin(spec: Happening, mesh: Mesh) -> Handle:
    """Carry it out now; `after_seconds` has been waited for by the caller. Raises `OSError` when it cannot be done."""
    kind = kind_of(spec.kind)
    if spec.target not in kind.targets:
        raise InvalidInput(f"{spec.kind} cannot strike {spec.target}, only {', '.join(sorted(kind.targets))}")
    return kind.begin(spec, mesh)
