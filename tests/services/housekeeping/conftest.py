"""A folder with a policy, and what acts upon it, without the rest of the platform."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock, MemorySettings, fake_ports
from steersman.contract.looking import looking
from steersman.contract.ports import Caller, Context, Observer
from steersman.contract.service import Action
from steersman.services.housekeeping.manifest import SERVICE
from steersman.services.housekeeping.model import HousekeepingSettings
from steersman.services.housekeeping.store.declared import Housekeeping, declared

NS = 1_000_000_000
ACTIONS = {action.name: action for action in SERVICE.actions}


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
class Kept:
    """A declared folder and hands for it."""

    path: Path
    context: Context
    observer: Heard

    @property
    def clock(self) -> FakeClock:
        clock = self.context.ports.clock
        assert isinstance(clock, FakeClock)
        return clock

    def put(self, name: str, content: bytes, age: float = 0) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        at = self.clock.wall_ns() - int(age * NS)
        os.utime(file, ns=(at, at))
        return file

    def names(self) -> list[str]:
        return sorted(str(file.relative_to(self.path)) for file in self.path.rglob("*") if not file.is_dir())

    def args(self, action: str, **given: Any) -> Any:
        return ACTIONS[action].args(path=str(self.path), service="orders", **given)

    def preview(self, action: str, **given: Any) -> Any:
        return ACTIONS[action].preview(looking(self.context), self.args(action, **given))

    def inspect(self, action: str, **given: Any) -> Mapping[str, Any]:
        inspect = ACTIONS[action].inspect
        assert inspect is not None
        return inspect(self.context, self.args(action, **given))

    def apply(self, action: str, prior: Mapping[str, Any] | None = None, **given: Any) -> Any:
        """Act as the executor does it: what was seen before the effect is there for `apply`."""
        prior = self.inspect(action, **given) if prior is None else prior
        return ACTIONS[action].apply(replace(self.context, prior=prior), "k", self.args(action, **given))

    def undo(self, action: str, result: Any, **given: Any) -> None:
        known: Action = ACTIONS[action]
        reverse = known.undo or known.compensate
        assert reverse is not None
        reverse(self.context, "k", self.args(action, **given), result)


@pytest.fixture
def keep(tmp_path: Path) -> Callable[..., Kept]:
    """Declare a folder with a policy."""

    def made(**policy: Any) -> Kept:
        path = Path(policy.pop("path", tmp_path / "orders"))
        path.mkdir(parents=True, exist_ok=True)
        rules = {"path": str(path), "service": "orders", "quota_bytes": 1000, "patterns": ["*.log"], **policy}
        settings = HousekeepingSettings.model_validate({"paths": [rules]})
        heard = Heard()
        ports = fake_ports(tmp_path / "data", settings=MemorySettings(settings), provided={Observer: heard})
        state = Housekeeping(declared(settings, str(tmp_path / "data")))
        return Kept(path, Context(Caller("somebody"), ports, state), heard)

    return made


def unpacked(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes())
