"""Measures what the loop costs: detection, correlation and decision over many series, in CPU for each second of data.

The series are those of services as they are found everywhere: counters of requests by code, latencies, memory,
descriptors and plain gauges, with seeded noise. It runs as fast as it can; what counts is the CPU of a round against
its second.
"""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from steersman.engine.detect.senses import Senses
from steersman.engine.loop import LoopState
from steersman.model.labels import METRIC_NAME, canonical, encode_labels
from steersman.model.rounds import NewSeries, Round, SampleColumns, Telemetry
from steersman.services.operations.logic.deciding import decide

_BEGIN_MS = 1_767_225_600_000
#: What one service exposes: a name, more labels, whether it counts, and what it usually is (a rate a second if so).
_FAMILIES: tuple[tuple[str, dict[str, str], bool, float], ...] = (
    ("http_requests_total", {"code": "200"}, True, 50.0),
    ("http_requests_total", {"code": "500"}, True, 0.02),
    ("http_request_duration_seconds_sum", {}, True, 2.0),
    ("http_request_duration_seconds_count", {}, True, 50.0),
    ("process_cpu_seconds_total", {}, True, 0.2),
    ("process_resident_memory_bytes", {}, False, 2e8),
    ("process_open_fds", {}, False, 60.0),
    ("process_max_fds", {}, False, 1024.0),
    ("up", {}, False, 1.0),
)
_PLAIN = 11
_NOISE = 0.05


@dataclass(frozen=True, slots=True)
class Fleet:
    """Label keys of all series, and what each of them does."""

    keys: tuple[bytes, ...]
    counts: NDArray[np.bool_]
    usual: NDArray[np.float64]


def fleet(series: int) -> Fleet:
    """Return so many series, spread over services of twenty series each."""
    plain: tuple[tuple[str, dict[str, str], bool, float], ...] = tuple(
        (f"app_gauge_{number}", {}, False, 10.0 * (number + 1)) for number in range(_PLAIN)
    )
    families = (*_FAMILIES, *plain)
    rows = [(number // len(families), families[number % len(families)]) for number in range(series)]
    keys = [
        encode_labels(canonical({METRIC_NAME: name, "service": f"service-{service}", "instance": "0", **more}))
        for service, (name, more, _, _) in rows
    ]
    counts = np.array([counts for _, (_, _, counts, _) in rows], np.bool_)
    return Fleet(tuple(keys), counts, np.array([usual for _, (_, _, _, usual) in rows]))


def loop(
    series: Annotated[int, typer.Option(min=100)] = 100_000,
    resolution: Annotated[int, typer.Option(min=1, help="Seconds between two samples of a series.")] = 15,
    seconds: Annotated[int, typer.Option(min=30, help="Seconds of data.")] = 300,
) -> None:
    """Fold rounds of one second over a fleet and print the CPU that each second of data took."""
    typer.echo(json.dumps(measured(fleet(series), resolution, seconds), indent=2))


def measured(known: Fleet, resolution: int, seconds: int) -> dict[str, Any]:
    """Return the figures: seconds of CPU for a second of data, the longest round, and what was found."""
    senses, state = Senses(), LoopState()
    random = np.random.default_rng(1)
    numbers = np.arange(len(known.keys), dtype=np.int32)
    phase = numbers % resolution
    counters = np.zeros(numbers.size)
    warm_up = 2 * resolution
    spent: list[float] = []
    walls: list[float] = []
    commands = 0
    for second in range(warm_up + seconds):
        due = numbers[phase == second % resolution]
        noisy = known.usual[due] * (1 + _NOISE * random.standard_normal(due.size))
        counters[due] += np.maximum(noisy, 0) * resolution
        values = np.where(known.counts[due], counters[due], np.where(known.usual[due] == 1.0, 1.0, noisy))
        now_ms = _BEGIN_MS + second * 1000
        new = (NewSeries(0, known.keys),) if second == 0 else ()
        columns = SampleColumns(due, np.full(due.size, now_ms, np.int64), values)
        told = Round(now_ms=now_ms, seed=second, telemetry=Telemetry(new_series=new, samples=(columns,)))
        cpu, wall = time.process_time(), time.perf_counter()
        state, given = decide(senses, state, told)
        spent.append(time.process_time() - cpu)
        walls.append(time.perf_counter() - wall)
        commands += len(given)
    steady = np.array(spent[warm_up:])
    return {
        "series": numbers.size,
        "resolution_seconds": resolution,
        "seconds": seconds,
        "cores": round(float(steady.mean()), 4),
        "round_p99_seconds": round(float(np.quantile(walls[warm_up:], 0.99)), 4),
        "first_round_seconds": round(walls[0], 3),
        "commands": commands,
        "open_incidents": len(state.cases),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
