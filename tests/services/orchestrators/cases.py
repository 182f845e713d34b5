"""The examples of orchestrators for the conformance kit, on scripted peers that live as long as the tests do."""

from __future__ import annotations

import atexit
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.testing import ActionCase, Cases


def _load() -> ModuleType:
    name = "steersman_scripted_peers"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("peers.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


PEERS = _load()
FOLDER = Path(tempfile.mkdtemp(prefix="steersman-peers-"))
ENGINE, CLUSTER, BUS = PEERS.Engine(), PEERS.Cluster(), PEERS.Bus(FOLDER / "bus")
LIVES = ExitStack()
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
atexit.register(LIVES.close)
POD = "orders-5d4f-x1"


def _settings() -> Mapping[str, Any]:
    """Begin to serve, with everything as it is before the examples."""
    if not ENGINE.url:
        LIVES.enter_context(PEERS.serving(ENGINE, FOLDER / "docker.sock"))
        LIVES.enter_context(PEERS.serving(CLUSTER))
        LIVES.enter_context(PEERS.on_bus(BUS))
    for name, state in (("restart", "active"), ("start", "inactive"), ("stop", "active"), ("reload", "active")):
        BUS.put(f"{name}.service", state)
    BUS.put("kill.service")
    for name, state in (("restart", "running"), ("start", "exited"), ("stop", "running"), ("kill", "running")):
        ENGINE.put(name, state)
    ENGINE.put("limit")
    for name in ("restart", "scale", "rollback"):
        CLUSTER.put(name, "image:1")
        CLUSTER.deploy(name, "image:2")
    CLUSTER.put_pod(POD)
    return {
        "orchestrators.systemd": {"units": ["*"], "bus": BUS.address},
        "orchestrators.docker": {"containers": ["*"], "socket": ENGINE.url},
        "orchestrators.kubernetes": {"api_server": CLUSTER.url, "namespace": "shop", "deployments": ["*"]},
    }


def _units(_context: Context) -> Any:
    return {name: unit["ActiveState"] for name, unit in BUS.units.items()}


def _containers(_context: Context) -> Any:
    # Docker says -1 for the limit that it says 0 for as long as none was ever set.
    return {
        name: (one["State"]["Running"], max(0, one["HostConfig"]["CpuQuota"]))
        for name, one in ENGINE.containers.items()
    }


def _deployments(_context: Context) -> Any:
    found = {
        name: (one["spec"]["replicas"], one["spec"]["template"]["spec"]) for name, one in CLUSTER.deployments.items()
    }
    return found, sorted(CLUSTER.pods)


def _unit(name: str) -> ActionCase:
    return ActionCase(args={"unit": f"{name}.service"}, observe=_units)


def _container(name: str, **more: Any) -> ActionCase:
    return ActionCase(args={"container": name, **more}, observe=_containers)


def _deployment(name: str, **more: Any) -> ActionCase:
    return ActionCase(args={"deployment": name, **more}, observe=_deployments)


CASES = Cases(
    actions={
        **{f"unit_{name}": _unit(name) for name in ("restart", "start", "stop", "reload", "kill")},
        **{f"container_{name}": _container(name) for name in ("restart", "start", "stop", "kill")},
        "container_limit": _container("limit", cpus=0.5),
        "deployment_restart": _deployment("restart"),
        "deployment_scale": _deployment("scale", replicas=4),
        "deployment_rollback": _deployment("rollback"),
        "pod_delete": ActionCase(args={"pod": POD}, observe=_deployments),
    },
    settings=_settings,
)
