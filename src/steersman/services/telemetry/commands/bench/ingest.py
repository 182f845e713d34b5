"""`steersman bench ingest`: how many samples one second of CPU takes in durably, beside the peers.

The clock and the CPU account run from the first request until the data is readable and the system has come to
rest, so work that is put off (checkpoints, merging, compaction in a child process) is paid for. With 2,000 rounds
the heads of all systems fill up, and their sealing is paid for too. Then the samples are counted
through the system's own query API: what cannot be read back was not taken in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Annotated, Any

import typer

from steersman.services.telemetry.commands.bench import report, usage
from steersman.services.telemetry.commands.bench.fleet import SAMPLES_A_REQUEST, STEP_MS, Fleet, host_name
from steersman.services.telemetry.commands.bench.generator import Sent, Target, generator
from steersman.services.telemetry.commands.bench.sidecar import Sidecar
from steersman.services.telemetry.commands.bench.systems import (
    PROMETHEUS,
    STEERSMAN,
    VICTORIA_METRICS,
    Recipe,
    System,
    query_data,
)
from steersman.services.telemetry.commands.bench.waiting import pause, wait_until

RECIPES = {recipe.name: recipe for recipe in (STEERSMAN, PROMETHEUS, VICTORIA_METRICS)}
#: Longer than the platform's 20 s between checkpoints, so that what it puts off is paid for; the same for all.
_SETTLE_SECONDS = 25.0
_REST_WINDOW_SECONDS = 1.0
_REST_SHARE = 0.03
_REST_LIMIT_SECONDS = 90.0
_MOST_LANES = 10


def readable_samples(system: System, fleet: Fleet) -> int:
    """Count every sample that the system hands back, host by host, as raw range selectors."""
    seconds = (fleet.end_ms - fleet.start_ms) // 1_000 + 1
    found = 0
    for number in range(fleet.hosts):
        selector = f'{{instance="{host_name(number)}"}}[{seconds}s]'
        data = query_data(system, "/api/v1/query", query=selector, time=fleet.end_ms / 1_000)
        found += sum(len(series["values"]) for series in data["result"])
    return found


def last_round_readable(system: System, fleet: Fleet) -> bool:
    """Whether the newest sample of one host of every request is there: connections are in order, so the rest is too."""
    hosts = max(1, SAMPLES_A_REQUEST // fleet.metrics)
    last = sorted({min(number + hosts, fleet.hosts) - 1 for number in range(0, fleet.hosts, hosts)})
    return all(_newest_readable(system, fleet, host) for host in last[-_MOST_LANES:])


def _newest_readable(system: System, fleet: Fleet, host: int) -> bool:
    selector = f'node_load1{{instance="{host_name(host)}"}}[{STEP_MS // 1_000}s]'
    status, body = system.get("/api/v1/query", query=selector, time=fleet.end_ms / 1_000)
    return status == 200 and bool(json.loads(body)["data"]["result"])


def come_to_rest(system: System, *, least_seconds: float = 0.0) -> bool:
    """Wait until the tree is quiet and has no child process at work; False when it never is."""
    begin = perf_counter()
    pause(least_seconds)
    while perf_counter() - begin < least_seconds + _REST_LIMIT_SECONDS:
        before = system.cpu_seconds()
        pause(_REST_WINDOW_SECONDS)
        used = system.cpu_seconds() - before
        if used < _REST_SHARE * _REST_WINDOW_SECONDS and usage.children(system.pid) == 0:
            return True
    return False


def measure(recipe: Recipe, sender: Sidecar, fleet: Fleet, connections: int) -> dict[str, Any]:
    """One run of one system, from an empty folder to a count of what can be read."""
    with System(recipe) as system:
        before = system.cpu_seconds()
        target = Target(system.port, token=recipe.token, connections=connections)
        sent = Sent(**sender.ask(asdict(target)))
        if sent.error:
            return {"error": sent.error, **asdict(sent)}
        sending_cpu = system.cpu_seconds() - before
        visible = wait_until(lambda: last_round_readable(system, fleet), 60, "the last round is readable")
        rested = come_to_rest(system, least_seconds=_SETTLE_SECONDS)
        cpu = system.cpu_seconds() - before
        memory = usage.memory(system.pid)
        return {
            "samples": sent.acknowledged,
            "wall_seconds": sent.seconds,
            "cpu_seconds": cpu,
            "cpu_seconds_sending": sending_cpu,
            "samples_per_cpu_second": sent.acknowledged / cpu,
            "samples_per_second": sent.acknowledged / sent.seconds,
            "visible_after_seconds": visible,
            "rested": rested,
            "start_seconds": system.start_seconds,
            "disk_bytes": usage.disk_bytes(system.folder / "data"),
            "rss_bytes": memory.rss,
            "pss_bytes": memory.pss,
            "readable_samples": readable_samples(system, fleet),
        }


def compare(names: Sequence[str], fleet: Fleet, *, repeats: int, connections: int) -> dict[str, Any]:
    """Run the systems in turn (a b c a b c), so that a change of the machine's mood meets all of them."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with generator(fleet) as sender:
        for _ in range(repeats):
            for name in names:
                runs[name].append(measure(RECIPES[name], sender, fleet, connections))
    return {name: report.median_of([run for run in each if "error" not in run] or each) for name, each in runs.items()}


def ratios(systems: dict[str, dict[str, Any]], own: str = "steersman") -> dict[str, float]:
    """Samples per CPU second of `own` over each peer's."""
    mine = systems.get(own, {}).get("samples_per_cpu_second")
    if mine is None:
        return {}
    rate = {name: figures.get("samples_per_cpu_second") for name, figures in systems.items() if name != own}
    return {f"cpu_ratio_to_{name}": mine / peer for name, peer in rate.items() if peer}


def ingest(
    *,
    rounds: Annotated[int, typer.Option(help="Scrapes to send; each is 10,000 samples.")] = 400,
    repeats: Annotated[int, typer.Option(help="Runs of each system; medians are reported.")] = 3,
    connections: Annotated[int, typer.Option(help="Connections of the sender.")] = 5,
    systems: Annotated[str, typer.Option(help="Which systems, by name, with commas.")] = ",".join(RECIPES),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure durable intake of remote write 1.0 beside Prometheus and VictoriaMetrics."""
    names = systems.split(",")
    fleet = report.fleet_until_now(rounds=rounds)
    measured = compare(names, fleet, repeats=repeats, connections=connections)
    figures = {
        **report.circumstances([RECIPES[name] for name in names]),
        "series": fleet.series,
        "samples": fleet.samples,
        "repeats": repeats,
        "systems": measured,
        **ratios(measured),
    }
    report.emit(figures, as_json=as_json)
