"""The tools of this repository as modules: they are scripts, so they lie on no path."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def script() -> Callable[[str], ModuleType]:
    """Import a script by its path in the repository."""

    def load(path: str) -> ModuleType:
        file = ROOT / path
        name = file.stem
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, file)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module  # scripts that import one another find it here
            spec.loader.exec_module(module)
        return sys.modules[name]

    return load
