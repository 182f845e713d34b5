"""What if, and how many replicas: the utilisation law and Little's law, with assumptions stated in every answer."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from steersman.model.errors import Conflict
from steersman.services.capacity.logic.forecasting import HOUR_MS
from steersman.services.capacity.logic.resources import last_known
from steersman.services.capacity.logic.views import back_tested, dates, runs_out
from steersman.services.capacity.model import wire
from steersman.services.capacity.model.bounded import Demand, Driver, Forecast, Survey
from steersman.services.capacity.model.settings import CapacitySettings

ASSUMPTIONS = (
    "What accumulates (disks, quotas) grows as much faster as there is more traffic.",
    "What follows the work under way (pools, descriptors) is as much larger as there is more traffic per replica.",
    "A machine's memory does not follow traffic; what ran on a lost node is spread evenly over the others.",
    "A replica does as many requests as it was said to, or as one core's CPU time allows at its learnt cost.",
)


def what_if(survey: Survey, settings: CapacitySettings, question: wire.WhatIf) -> wire.WhatIfAnswer:
    """Answer what would run out when, and what services would need."""
    nodes = max(1, survey.hosts)
    left = nodes - question.nodes_lost
    if left < 1:
        raise Conflict(f"{nodes} nodes are known: with {question.nodes_lost} of them lost nothing runs")
    spread = nodes / left
    return wire.WhatIfAnswer(
        question=question,
        nodes=nodes,
        resources=[_changed(one, question.traffic_factor, spread) for one in survey.resources],
        services=[_need(one, settings, question.traffic_factor, spread) for one in survey.demands],
        assumptions=list(ASSUMPTIONS),
    )


def _changed(found: Forecast, traffic: float, spread: float) -> wire.Changed:
    before, imagined = runs_out(found), imagine(found, traffic, spread)
    after = runs_out(imagined)
    return wire.Changed(
        forecast=found.series.id,
        kind=found.series.kind,
        name=found.series.name,
        entity=found.series.entity.ref,
        used_now=last_known(found.series.grid),
        before=dates(found, before) if before else None,
        after=dates(imagined, after) if after else None,
        effect=_effect(found, before.expected if before else None, after.expected if after else None),
    )


def imagine(found: Forecast, traffic: float, spread: float) -> Forecast:
    """Return the forecast under other traffic and with the same work on fewer nodes."""
    if found.outlook is None:
        return found
    start = last_known(found.series.grid) or 0.0
    lines = (found.outlook.points, found.outlook.low, found.outlook.high)
    match found.series.driver:
        case Driver.GROWTH:
            points, low, high = (start + traffic * (line - start) for line in lines)
        case Driver.LOAD:
            points, low, high = (traffic * spread * line for line in lines)
        case Driver.HOST:
            points, low, high = (spread * line for line in lines)
    return replace(found, outlook=replace(found.outlook, points=points, low=low, high=high))


def _effect(found: Forecast, before: int | None, after: int | None) -> str:
    if found.outlook is None:
        return f"unknown: {found.why_not}"
    if before == after:
        return "no change" if before is None else "runs out at the same time"
    if after is None:
        return "no longer runs out within the horizon"
    hours = after * found.series.grid.step_ms / HOUR_MS
    when = "would run out at once" if after <= 1 else f"would run out in {hours:.1f} hours"
    return when if before is None else f"{when} instead of {before * found.series.grid.step_ms / HOUR_MS:.1f}"


def bears(demand: Demand, settings: CapacitySettings) -> tuple[float | None, str]:
    """Return the requests a second that one replica bears, and who says so."""
    stated = settings.service(demand.service).max_rps_per_replica
    if stated is not None:
        return stated, "stated in the settings"
    if demand.cpu_per_request:
        cost = f"{1000 * demand.cpu_per_request:.3g} ms of CPU per request"
        return 1.0 / demand.cpu_per_request, f"learnt: {cost}, one core per replica"
    return None, "unknown: state max_rps_per_replica, or expose process_cpu_seconds_total and let the traffic vary"


def replicas_for(rate: float, bearable: float, settings: CapacitySettings) -> int:
    """Return how many replicas carry a rate at the target utilisation, at least one."""
    return max(1, math.ceil(rate / (bearable * settings.target_utilisation) - 1e-9))


def _need(demand: Demand, settings: CapacitySettings, traffic: float, spread: float) -> wire.ReplicaNeed:
    bearable, source = bears(demand, settings)
    peak = traffic * peak_of(demand.forecast)
    needed = None if bearable is None else replicas_for(peak, bearable, settings)
    left = math.floor(demand.replicas / spread + 1e-9)
    return wire.ReplicaNeed(
        service=demand.service,
        replicas=demand.replicas,
        replicas_left=left,
        peak_rps=peak,
        bears_rps_per_replica=bearable,
        source=source,
        needed=needed,
        short=None if needed is None else max(0, needed - left),
    )


def peak_of(found: Forecast, hours: float = 7 * 24) -> float:
    """Return the upper edge's highest point in a week, or the highest seen where there is no forecast."""
    grid = found.series.grid
    if found.outlook is None:
        known = grid.values[np.isfinite(grid.values)]
        return float(known.max()) if known.size else 0.0
    steps = max(1, int(hours * HOUR_MS // grid.step_ms))
    return float(found.outlook.high[:steps].max())


def replica_plan(demand: Demand, settings: CapacitySettings) -> wire.ReplicaPlan:
    """Return replicas hour by hour for a day; raises `Conflict` where it cannot be known."""
    bearable, source = bears(demand, settings)
    if bearable is None:
        raise Conflict(f"what a replica of {demand.service} bears is {source}")
    if demand.forecast.outlook is None:
        raise Conflict(f"there is no forecast of the traffic of {demand.service}: {demand.forecast.why_not}")
    steps = _hours(demand, bearable, settings)
    return wire.ReplicaPlan(
        service=demand.service,
        replicas_now=demand.replicas,
        bears_rps_per_replica=bearable,
        source=source,
        target_utilisation=settings.target_utilisation,
        steps=steps,
        error=back_tested(demand.forecast),
        hpa=hpa(demand.service, steps, bearable, settings),
    )


def _hours(demand: Demand, bearable: float, settings: CapacitySettings) -> list[wire.PlanStep]:
    grid, outlook, known = demand.forecast.series.grid, demand.forecast.outlook, settings.service(demand.service)
    if outlook is None:
        return []
    every = max(1, HOUR_MS // grid.step_ms)
    found = []
    for begin in range(0, min(24 * every, outlook.points.size), every):
        part = slice(begin, begin + every)
        high = float(outlook.high[part].max())
        wanted = replicas_for(high, bearable, settings)
        found.append(
            wire.PlanStep(
                start_ms=grid.end_ms + begin * grid.step_ms,
                end_ms=grid.end_ms + min(begin + every, outlook.points.size) * grid.step_ms,
                expected_rps=float(outlook.points[part].max()),
                high_rps=high,
                replicas=min(max(wanted, known.min_replicas), known.max_replicas),
            )
        )
    return found


def hpa(service: str, steps: Sequence[wire.PlanStep], bearable: float, settings: CapacitySettings) -> str:
    """Return a HorizontalPodAutoscaler that scales on CPU and on requests a second, within what the plan spans.

    The second metric is only there where a metrics adapter serves it; the autoscaler takes the larger answer.
    """
    import yaml

    known = settings.service(service)
    name = re.sub(r"[^a-z0-9-]+", "-", service.lower()).strip("-")[:63] or "service"
    utilisation = round(100 * settings.target_utilisation)
    per_pod = f"{max(1, round(1000 * bearable * settings.target_utilisation))}m"
    manifest = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": max(known.min_replicas, min(step.replicas for step in steps)),
            "maxReplicas": known.max_replicas,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": utilisation},
                    },
                },
                {
                    "type": "Pods",
                    "pods": {
                        "metric": {"name": "http_requests_per_second"},
                        "target": {"type": "AverageValue", "averageValue": per_pod},
                    },
                },
            ],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}},
        },
    }
    text: str = yaml.safe_dump(manifest, sort_keys=False)
    return text
