"""Supervised services outlive the platform, whatever kills it, and are never there twice."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steersman.services.workloads.logic.launch import MARK
from steersman.services.workloads.store import proc

_PROGRAM = "import time; print('ready to serve', flush=True); time.sleep(3600)"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[str]:
    """Three services in a row; whatever of them is left is ended with the test."""
    command = json.dumps([sys.executable, "-S", "-c", _PROGRAM])
    names = (("front", "back"), ("back", "store"), ("store", ""))
    tables = [
        f"[services.{name}]\ncommand = {command}\nreplicas = 2\nhealth = {{ command = ['true'], interval_seconds = 0.1 }}\n"
        f"depends_on = {json.dumps([needed] if needed else [])}\n"
        for name, needed in names
    ]
    yield "\n".join(tables)
    for pid in _processes(tmp_path / "data").elements():
        os.kill(int(pid.partition(" ")[0]), signal.SIGKILL)


def _house(data: Path) -> str:
    ledger = data / "services" / "ledger.json"
    return str(json.loads(ledger.read_text())["house"]) if ledger.exists() else "none yet"


def _processes(data: Path) -> Counter[str]:
    """Everything alive that this platform's folder ever started, as `pid name`."""
    found = proc.marked(MARK, f"{_house(data)}/")
    return Counter(f"{look.pid} {mark.split('/', 1)[1].rpartition('/')[0]}" for mark, look in found)


def _by_replica(data: Path) -> Counter[str]:
    return Counter(name.partition(" ")[2] for name in _processes(data))


ALL_OF_THEM = Counter({f"{name}/{number}": 1 for name in ("front", "back", "store") for number in (0, 1)})


@pytest.mark.slow
def test_kills_around_every_start_never_leave_a_replica_twice(
    launch: Callable[..., Any], until: Any, settings: str, tmp_path: Path
) -> None:
    """The kills are aimed at the second in which services start; later ones hit a platform that has taken them up."""
    moments = random.Random(3)
    for _ in range(4):
        platform = launch(settings=settings)
        until((tmp_path / "data" / "services").exists)
        time.sleep(moments.uniform(0.0, 0.6))
        platform.kill()
        assert max(_by_replica(tmp_path / "data").values(), default=0) <= 1
    platform = launch(settings=settings)
    until(lambda: _by_replica(tmp_path / "data") == ALL_OF_THEM)
    before = _processes(tmp_path / "data")
    platform.kill()
    platform = launch(settings=settings)
    platform.until_ready()
    until(lambda: all(service["healthy"] == 1.0 for service in platform.get("/api/workloads/services").json()))
    assert _processes(tmp_path / "data") == before


@pytest.mark.slow
def test_a_killed_service_is_seen_started_again_and_its_lines_are_found(
    launch: Callable[..., Any], until: Any, settings: str, tmp_path: Path
) -> None:
    platform = launch(settings=settings.replace("depends_on", "restart = 'always'\ndepends_on"))
    platform.until_ready()
    until(lambda: _by_replica(tmp_path / "data") == ALL_OF_THEM)
    until(lambda: platform.bodies('"ready to serve"') == ["ready to serve"] * 6)
    victim = next(name for name in _processes(tmp_path / "data") if name.endswith("front/0"))
    os.kill(int(victim.partition(" ")[0]), signal.SIGKILL)
    until(lambda: "was killed by SIGKILL" in platform.log)
    until(lambda: victim not in _processes(tmp_path / "data") and _by_replica(tmp_path / "data") == ALL_OF_THEM)
    assert platform.stop() < 5
    assert _by_replica(tmp_path / "data") == ALL_OF_THEM


@pytest.mark.slow
def test_services_stop_with_the_platform_where_that_is_wanted(
    launch: Callable[..., Any], until: Any, settings: str, tmp_path: Path
) -> None:
    platform = launch(settings=f"[services]\nstop_with_platform = true\n{settings}")
    until(lambda: _by_replica(tmp_path / "data") == ALL_OF_THEM)
    platform.until_ready()
    platform.stop()
    assert _by_replica(tmp_path / "data") == Counter()
