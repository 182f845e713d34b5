"""`steersman check --store`: read every file of a store that is not running, and say what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from steersman.engine.telemetry import TelemetryEngine
from steersman.model.errors import InvalidInput
from steersman.runtime.telemetry.verify import Problem, verify


def problems(data: Path) -> list[Problem]:
    """What is wrong with the store of a data directory."""
    folder = data / "telemetry"
    if not folder.is_dir():
        raise InvalidInput(f"{data} holds no store: give the data directory of a platform that is stopped")
    return verify(folder, TelemetryEngine())


def check(
    *,
    store: Annotated[bool, typer.Option("--store", help="Check the telemetry store.")] = False,
    data: Annotated[Path, typer.Option(help="The data directory; the platform must be stopped.")] = Path("data"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Verify what is on disk. Ends with 1 when something is wrong."""
    if not store:
        raise InvalidInput("say what to check: --store")
    found = problems(data)
    if as_json:
        typer.echo(json.dumps({"problems": [asdict(one) for one in found]}, indent=2))
    else:
        for one in found:
            typer.echo(f"{one.file}: {one.detail}")
        typer.echo(f"{len(found)} problems" if found else "the store is sound")
    return 1 if found else 0
