"""`steersman bench query`: two questions to Prometheus and to Steersman over the same data, over HTTP.

One asks for an hour of 100 series out of 10,000, as raw samples and as a stepped range; the other for the last
value of every series. The answers must be equal, sample by sample, or the times would compare nothing.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Annotated, Any

import typer

from steersman.model.errors import Permanent
from steersman.services.telemetry.commands.bench import report
from steersman.services.telemetry.commands.bench.fleet import Fleet, host_name
from steersman.services.telemetry.commands.bench.generator import Sent, Target, generator
from steersman.services.telemetry.commands.bench.ingest import come_to_rest, last_round_readable
from steersman.services.telemetry.commands.bench.sidecar import Sidecar
from steersman.services.telemetry.commands.bench.systems import PROMETHEUS, STEERSMAN, System, get
from steersman.services.telemetry.commands.bench.waiting import wait_until

_HOUR_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Question:
    """One request to the Prometheus HTTP API."""

    name: str
    path: str
    query: dict[str, str | float]


def questions(fleet: Fleet) -> list[Question]:
    """What is asked, of data that ends now."""
    end = fleet.end_ms / 1_000
    hour = {"start": end - _HOUR_SECONDS, "end": end, "step": 15}
    one_host = f'{{instance="{host_name(fleet.hosts // 2)}"}}'
    return [
        Question("hour_of_100_series_raw", "/api/v1/query", {"query": f"{one_host}[1h]", "time": end}),
        Question("hour_of_100_series_stepped", "/api/v1/query_range", {"query": "node_load1", **hour}),
        Question("last_value_of_every_series", "/api/v1/query", {"query": '{job="node"}', "time": end}),
    ]


def normal_form(body: bytes) -> dict[frozenset[tuple[str, str]], list[tuple[float, float | None]]]:
    """An answer as series and samples, without what the API leaves open: order and the spelling of numbers.

    A value that is not a number becomes None, which unlike NaN equals itself.
    """
    series = json.loads(body)["data"]["result"]
    return {
        frozenset(one["metric"].items()): [
            (float(time), None if value == "NaN" else float(value))
            for time, value in one.get("values") or [one["value"]]
        ]
        for one in series
    }


class Asker:
    """One kept connection to a system."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._connection = http.client.HTTPConnection("127.0.0.1", system.port, timeout=120)

    def ask(self, question: Question) -> tuple[float, bytes]:
        """Return the seconds until the whole answer was there, and the answer."""
        begin = perf_counter()
        status, body = get(self._connection, question.path, self._system.recipe.token, **question.query)
        seconds = perf_counter() - begin
        if status != 200:
            raise Permanent(f"{self._system.recipe.name} answered {status} to {question.name}: {body[:300]!r}")
        return seconds, body


def timed(askers: dict[str, Asker], question: Question, repeats: int) -> dict[str, Any]:
    """Ask every system in turn, compare the answers and time them."""
    answers = {name: normal_form(asker.ask(question)[1]) for name, asker in askers.items()}
    times: dict[str, list[float]] = {name: [] for name in askers}
    for _ in range(repeats):
        for name, asker in askers.items():
            times[name].append(asker.ask(question)[0])
    first, *others = answers.values()
    figures: dict[str, Any] = {
        "series": len(first),
        "samples": sum(map(len, first.values())),
        "equal": all(other == first for other in others),
    }
    for name, seconds in times.items():
        figures[name] = {
            "median_ms": 1e3 * report.percentile(seconds, 0.5),
            "p95_ms": 1e3 * report.percentile(seconds, 0.95),
        }
    if len(times) == 2:
        own, peer = (report.percentile(times[recipe.name], 0.5) for recipe in (STEERSMAN, PROMETHEUS))
        figures["prometheus_over_steersman"] = peer / own
    return figures


def _load(system: System, sender: Sidecar, fleet: Fleet) -> None:
    sent = Sent(**sender.ask(asdict(Target(system.port, token=system.recipe.token))))
    if sent.error or sent.acknowledged != fleet.samples:
        raise Permanent(f"{system.recipe.name} did not take all samples: {sent.error}")
    wait_until(lambda: last_round_readable(system, fleet), 60, "the last round is readable")
    come_to_rest(system)


def measure(names: Sequence[str], fleet: Fleet, repeats: int) -> dict[str, Any]:
    """Load all systems with the fleet's samples, then ask."""
    recipes = {recipe.name: recipe for recipe in (STEERSMAN, PROMETHEUS)}
    with ExitStack() as stack:
        running = {name: stack.enter_context(System(recipes[name])) for name in names}
        with generator(fleet) as sender:
            for system in running.values():
                _load(system, sender, fleet)
        askers = {name: Asker(system) for name, system in running.items()}
        return {one.name: timed(askers, one, repeats) for one in questions(fleet)}


def query(
    *,
    repeats: Annotated[int, typer.Option(help="How often each question is asked.")] = 40,
    systems: Annotated[str, typer.Option(help="Which systems, by name, with commas.")] = "steersman,prometheus",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure an hour of 100 series and the last value of 10,000, beside Prometheus."""
    fleet = report.fleet_until_now(rounds=_HOUR_SECONDS // 15)
    names = systems.split(",")
    figures = {
        **report.circumstances([recipe for recipe in (STEERSMAN, PROMETHEUS) if recipe.name in names]),
        "series": fleet.series,
        "samples": fleet.samples,
        "questions": measure(names, fleet, repeats),
    }
    report.emit(figures, as_json=as_json)
