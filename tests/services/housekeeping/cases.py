"""The examples of housekeeping for the conformance kit: two folders of a machine's, filled anew for each check."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.testing import ActionCase, Cases

FOLDER = Path(tempfile.mkdtemp(prefix="steersman-housekeeping-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
FULL, LOGS = FOLDER / "full", FOLDER / "logs"
MEASURES = ("rotate", "compress", "delete", "truncate", "quarantine")


def _policy(path: Path) -> dict[str, Any]:
    return {
        "path": str(path),
        "service": "orders",
        "quota_bytes": 1000,
        "patterns": ["*.log"],
        "allow": list(MEASURES),
        "rotate_bytes": 1,
        "compress_after_seconds": 0,
        "delete_after_seconds": 0,
    }


def _settings() -> Mapping[str, Any]:
    for folder in (FULL, LOGS):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    (FULL / "large.log").write_bytes(b"x" * 900)
    (FULL / "small.log").write_bytes(b"x" * 90)
    for measure in MEASURES:
        (LOGS / f"{measure}.log").write_bytes(b"a line\n" * 20)
    return {"housekeeping.paths": [_policy(FULL), _policy(LOGS)]}


def _lies(folder: Path) -> Callable[[Context], Any]:
    return lambda _context: sorted((str(one), one.stat().st_size) for one in folder.rglob("*") if one.is_file())


def _one(measure: str) -> ActionCase:
    args = {"path": str(LOGS), "file": f"{measure}.log", "service": "orders"}
    return ActionCase(args=args, observe=_lies(LOGS))


CASES = Cases(
    actions={
        "free_disk": ActionCase(args={"path": str(FULL), "service": "orders"}, observe=_lies(FULL)),
        **{measure: _one(measure) for measure in MEASURES},
    },
    settings=_settings,
)
