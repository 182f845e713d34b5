"""Privacy with the kinds of data of four services over real tables, without a server."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

Open = Callable[[], AbstractAsyncContextManager[Any]]


@pytest.fixture
def lives() -> Any:
    """The module that `test_kill.py` runs as a process."""
    path = Path(__file__).with_name("lives.py")
    spec = importlib.util.spec_from_file_location("privacy_lives", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["privacy_lives"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def open_privacy(lives: Any, tmp_path: Path) -> Open:
    """Open it in the test's folder: yields the context of privacy and the runs of runbooks."""
    return lambda: lives.living(tmp_path / "data", lives.Steps(0))
