"""Whoever reads the description of the interface meets the five roles by their names."""

from __future__ import annotations

from fastapi import FastAPI

from steersman.runtime.http.openapi import document
from steersman.services.capacity.manifest import SERVICE as CAPACITY
from steersman.services.maintenance.manifest import SERVICE as MAINTENANCE
from steersman.services.operations.manifest import SERVICE as OPERATIONS
from steersman.services.optimizer.manifest import SERVICE as OPTIMIZER


def test_the_five_roles_stand_in_the_interface_by_their_names() -> None:
    """Each is the description of the tag under which its addresses are listed."""
    services = (OPERATIONS, MAINTENANCE, OPTIMIZER, CAPACITY)
    told = document(FastAPI(), services)
    tags = {tag["name"]: tag["description"].lower() for tag in told["tags"]}
    for service, roles in {
        "operations": ("aiops engine", "operations manager"),
        "maintenance": ("predictive maintenance",),
        "optimizer": ("performance optimiser",),
        "capacity": ("capacity planner",),
    }.items():
        assert [role for role in roles if role not in tags[service]] == []
    used = {tag for path in told["paths"].values() for one in path.values() for tag in one["tags"]}
    assert used <= tags.keys()
