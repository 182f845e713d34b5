"""The examples of workloads for the conformance kit: real processes, in a folder of their own."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.testing import ActionCase, Cases, ObjectCase

FOLDER = Path(tempfile.mkdtemp(prefix="steersman-cases-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
CONFIG = FOLDER / "shop.toml"
KNOB = FOLDER / "pool_size"
ROUTE = FOLDER / "route"
CURRENT = FOLDER / "current"
#: Waits to be ended; the signal that means "read again" changes nothing from the first moment on.
_PROGRAM = ("env", "--ignore-signal=HUP", "sleep", "1000")


def _settings() -> dict[str, Any]:
    """Put the files as they are before every example, and name the services that the examples act upon."""
    for release in ("one", "two"):
        (FOLDER / "releases" / release).mkdir(parents=True, exist_ok=True)
    CURRENT.unlink(missing_ok=True)
    CURRENT.symlink_to("releases/one")
    CONFIG.write_text("limit = 1\n")
    KNOB.write_text("8\n")
    ROUTE.unlink(missing_ok=True)
    service = {"command": _PROGRAM, "health": {"command": ["true"], "interval_seconds": 0.1}}
    shop = {
        **service,
        "port": 18001,
        "max_replicas": 3,
        "reload_signal": "SIGHUP",
        "releases": str(FOLDER / "releases"),
        "current": str(CURRENT),
        "config_files": [str(CONFIG)],
        "knobs": {"pool_size": {"file": str(KNOB), "low": 1, "high": 64, "step": 8, "default": 8}},
        "standby": "spare",
        "route_file": str(ROUTE),
    }
    spare = {**service, "port": 18009}
    return {
        "services.stop_with_platform": True,
        "services.shop": shop,
        "services.spare": spare,
        "services.idle": service,
    }


def _prepare(context: Context) -> None:
    """Wait until everything runs; then deploy and edit, so that there is something to go back to."""
    fleet = context.state.fleet
    pause = threading.Event()
    while not all(fleet.view.is_well(name) for name in fleet.view.definitions):
        pause.wait(0.02)
    definition = fleet.view.definition("shop")
    fleet.history.look("shop", definition, fleet.view.now_ms())
    CURRENT.unlink()
    CURRENT.symlink_to("releases/two")
    CONFIG.write_text("limit = 0\n")
    for _ in range(2):
        fleet.history.look("shop", definition, fleet.view.now_ms())


def _runs(service: str) -> Callable[[Context], Any]:
    return lambda context: [one.identity is not None for one in context.state.looking.replicas(service)]


def _nice(context: Context) -> list[int]:
    looks = context.state.looking.replicas("shop")
    return [os.getpriority(os.PRIO_PROCESS, one.identity.pid) for one in looks if one.identity]


def _cores(context: Context) -> list[Any]:
    looks = context.state.looking.replicas("spare")
    return [sorted(os.sched_getaffinity(one.identity.pid)) for one in looks if one.identity]


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


CASES = Cases(
    objects={
        "/api/workloads/services/{name}": ObjectCase(
            make=lambda _ask, _context: "shop", shown=("/api/workloads/services",)
        )
    },
    settings=_settings,
    prepare=_prepare,
    actions={
        "restart": ActionCase({"service": "shop"}, _runs("shop")),
        "start": ActionCase({"service": "spare"}, _runs("spare")),
        "stop": ActionCase({"service": "idle"}, _runs("idle")),
        "reload": ActionCase({"service": "shop"}, _runs("shop")),
        "signal": ActionCase({"service": "shop", "signal": "HUP"}, _runs("shop")),
        "renice": ActionCase({"service": "shop", "nice": 5}, _nice),
        "throttle": ActionCase({"service": "spare"}, _cores),
        "scale": ActionCase({"service": "shop", "replicas": 2}, _runs("shop")),
        "roll_back_deploy": ActionCase({"service": "shop", "to": "releases/one"}, lambda _: str(CURRENT.readlink())),
        "roll_back_config": ActionCase(
            {"service": "shop", "file": str(CONFIG), "to": _digest("limit = 1\n")}, lambda _: CONFIG.read_text()
        ),
        "set_knob": ActionCase({"service": "shop", "knob": "pool_size", "value": 16.0}, lambda _: KNOB.read_text()),
        "fail_over": ActionCase({"service": "shop", "to": "spare"}, lambda _: ROUTE.read_text()),
    },
)
