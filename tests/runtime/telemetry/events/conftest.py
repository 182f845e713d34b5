from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from steersman.engine.logs.tokens import tokenize
from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.events.schema import LOGS, Schema
from steersman.runtime.telemetry.events.store import EventStore

MakeStore = Callable[..., EventStore]


@pytest.fixture
def make_store(tmp_path: Path) -> MakeStore:
    """Make stores over folders of one test, with a clock that stands still."""

    def make(
        schema: Schema = LOGS, folder: Path = tmp_path, monotonic: Callable[[], float] = lambda: 0.0
    ) -> EventStore:
        folder.mkdir(parents=True, exist_ok=True)
        return EventStore(schema, folder, LocalDisk(), tokenize, monotonic)

    return make
