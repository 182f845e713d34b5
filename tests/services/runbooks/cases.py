"""The examples of runbooks for the conformance kit: a flag that commands set and take away."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.testing import ActionCase, Cases

FOLDER = Path(tempfile.mkdtemp(prefix="steersman-runbooks-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def _settings() -> Mapping[str, Any]:
    flags = {risk: FOLDER / risk for risk in ("reversible", "disruptive", "destructive")}
    for flag in flags.values():
        flag.unlink(missing_ok=True)
    return {
        f"runbooks.{risk}": {
            "target": "service:orders",
            "risk": risk,
            "command": ["touch", str(flag)],
            "undo_command": ["rm", str(flag)],
        }
        for risk, flag in flags.items()
    }


def _flags(_context: Context) -> list[str]:
    return sorted(flag.name for flag in FOLDER.iterdir())


CASES = Cases(
    actions={
        f"run_{risk}": ActionCase(args={"name": risk, "target": "service:orders"}, observe=_flags)
        for risk in ("reversible", "disruptive", "destructive")
    },
    settings=_settings,
)
