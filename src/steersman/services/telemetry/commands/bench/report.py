"""What every measurement says about itself: where, when and with which versions it was taken."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from steersman.runtime.clock import SystemClock
from steersman.services.telemetry.commands.bench.fleet import STEP_MS, Fleet
from steersman.services.telemetry.commands.bench.systems import Recipe


def machine() -> dict[str, Any]:
    """The processor, its cores as this process may use them, and the kernel."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    memory_kb = int(Path("/proc/meminfo").read_text().split(maxsplit=2)[1])
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": memory_kb * 1024,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def fleet_until_now(**shape: int) -> Fleet:
    """A fleet whose last round ends now, so that no receiver takes its samples for old or for future ones."""
    fleet = Fleet(**shape)
    now_ms = SystemClock().wall_ns() // 1_000_000
    return replace(fleet, start_ms=now_ms - (now_ms % STEP_MS) - fleet.rounds * STEP_MS)


def circumstances(recipes: Sequence[Recipe]) -> dict[str, Any]:
    """When and where, and which versions of what."""
    seconds = SystemClock().wall_ns() // 1_000_000_000
    return {
        "date": datetime.fromtimestamp(seconds, UTC).isoformat(),
        "machine": machine(),
        "versions": {recipe.name: recipe.version() for recipe in recipes},
    }


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile: the smallest value that at least `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1_000_000) * len(ordered) // 1_000_000) - 1)]


def median_of(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The median of each number over several runs; what is not a number is taken from the first."""
    merged: dict[str, Any] = {}
    for name, first in runs[0].items():
        number = isinstance(first, int | float) and not isinstance(first, bool)
        merged[name] = statistics.median(run[name] for run in runs) if number else first
    return merged


def emit(figures: dict[str, Any], *, as_json: bool) -> None:
    """Print the figures: JSON for machines, indented names for people."""
    typer.echo(json.dumps(figures, indent=2) if as_json else "\n".join(_outline(figures, "")))


def _outline(figures: dict[str, Any], margin: str) -> Iterator[str]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield f"{margin}{name}"
            yield from _outline(value, margin + "  ")
        else:
            yield f"{margin}{name:<36} {_readable(value)}"


def _readable(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
