"""The service with scripted peers, one set for each test."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from steersman.contract.fakes import MemorySettings, fake_ports
from steersman.contract.looking import looking
from steersman.contract.ports import Caller, Context, Observer
from steersman.services.orchestrators.manifest import SERVICE
from steersman.services.orchestrators.model import OrchestratorSettings
from steersman.services.orchestrators.store.connections import Asking, Orchestrators


def _peers() -> ModuleType:
    """Load the scripted peers; test folders are no packages."""
    name = "steersman_scripted_peers"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("peers.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@dataclass
class Heard:
    """An observer that keeps what it is told."""

    findings: list[Any] = field(default_factory=list)
    entities: list[Any] = field(default_factory=list)

    def found(self, finding: Any) -> None:
        self.findings.append(finding)

    def changed(self, change: Any) -> None: ...

    def declare(self, entities: Sequence[Any], edges: Sequence[Any] = ()) -> None:
        self.entities += entities

    def incidents(self) -> Sequence[Any]:
        return ()


@dataclass
class Hands:
    """What acts, as the executor has it act; `afresh` is this platform after a restart, with nothing in memory."""

    context: Context
    heard: Heard

    def afresh(self) -> Hands:
        state = Orchestrators(Asking(self.context.state.looking.settings))
        return Hands(replace(self.context, state=state), self.heard)

    def action(self, name: str) -> Any:
        return next(action for action in SERVICE.actions if action.name == name)

    def inspect(self, name: str, **args: Any) -> Mapping[str, Any]:
        action = self.action(name)
        found: Mapping[str, Any] = action.inspect(self.context, action.args(**args))
        return found

    def apply(self, name: str, prior: Mapping[str, Any] | None = None, key: str = "k", **args: Any) -> Any:
        action = self.action(name)
        prior = self.inspect(name, **args) if prior is None else prior
        return action.apply(replace(self.context, prior=prior), key, action.args(**args))

    def preview(self, name: str, **args: Any) -> Any:
        action = self.action(name)
        return action.preview(looking(self.context), action.args(**args))

    def undo(self, name: str, prior: Mapping[str, Any] | None, result: Any, **args: Any) -> None:
        action = self.action(name)
        (action.undo or action.compensate)(replace(self.context, prior=prior), "k", action.args(**args), result)


@pytest.fixture
def peers() -> ModuleType:
    """The scripted peers themselves, for who serves one in another way."""
    return _peers()


@pytest.fixture
def hands(tmp_path: Path) -> Callable[..., Hands]:
    """Configure the service."""

    def made(**settings: Any) -> Hands:
        checked = OrchestratorSettings.model_validate({"timeout_seconds": 5, **settings})
        heard = Heard()
        ports = fake_ports(tmp_path, settings=MemorySettings(checked), provided={Observer: heard})
        return Hands(Context(Caller("somebody"), ports, Orchestrators(Asking(checked))), heard)

    return made


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Any]:
    """A Docker engine on a socket."""
    peer = _peers().Engine()
    with _peers().serving(peer, tmp_path / "docker.sock"):
        yield peer


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A Kubernetes API server on a loopback port."""
    peer = _peers().Cluster()
    with _peers().serving(peer):
        yield peer


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Any]:
    """A message bus with systemd."""
    with ExitStack() as stack:
        yield stack.enter_context(_peers().on_bus(_peers().Bus(tmp_path / "bus")))
