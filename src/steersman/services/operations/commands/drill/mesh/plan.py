"""What the mesh consists of: its services, who needs whom, and what their owner permits. Values, no effects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: The knobs of the mesh: default, lowest, highest, step, what they help with, and where they should stand then.
_Knob = dict[str, Any]
_POOL: _Knob = {"default": 8, "low": 4, "high": 64, "step": 8, "aim": 24, "helps": ["pool_exhaustion"]}
_COALESCE: _Knob = {
    "default": 0,
    "low": 0,
    "high": 2000,
    "step": 1000,
    "aim": 1000,
    "helps": ["cache_stampede"],
    "about": "cache",
}
_CONCURRENCY: _Knob = {"default": 1, "low": 1, "high": 8, "step": 1, "aim": 4, "helps": ["backlog"]}


@dataclass(frozen=True, slots=True)
class Role:
    """One service. `program` is the module that it runs, `tls` says that it is spoken to over TLS on a second port."""

    name: str
    program: str
    needs: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    replicas: int = 1
    most_replicas: int = 1
    tls: bool = False
    standby: str = ""
    knobs: dict[str, _Knob] = field(default_factory=dict)


ROLES: tuple[Role, ...] = (
    Role("database", "database", config={"quota_bytes": 48 << 20}),
    Role("cache", "cache", config={"ttl_seconds": 8}),
    Role("payments_b", "payments", tls=True),
    Role("payments", "payments", tls=True, standby="payments_b"),
    Role(
        "inventory",
        "inventory",
        ("cache", "database"),
        {"pool_size": 8, "timeout_ms": 1_000},
        knobs={"pool_size": _POOL, "coalesce_ms": _COALESCE},
    ),
    Role("worker", "worker", most_replicas=4, knobs={"concurrency": _CONCURRENCY}),
    Role(
        "orders",
        "orders",
        ("inventory", "payments", "database", "worker"),
        {"pool_size": 32, "timeout_ms": 1_000},
    ),
    Role("front", "front", ("orders", "inventory"), {"pool_size": 64, "timeout_ms": 2_000}),
    Role("batch", "batch"),
)

NAMES: frozenset[str] = frozenset(role.name for role in ROLES)


def role(name: str) -> Role:
    """The role of that name."""
    return next(one for one in ROLES if one.name == name)
