"""How everything is doing, as the API tells it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from steersman.model.findings import Aspect
from steersman.model.plans import PlanState
from steersman.model.rounds import Decided, IncidentChanged, Learnt, Noticed, Trend
from steersman.model.topology import Edge, EdgeKind, Topology
from steersman.services.operations.logic.bulletin import LoopStatus


def test_the_status_is_as_old_as_the_last_round(serving: Any, examples: Any) -> None:
    """Counts come from what is stored, the age of the loop from the clock."""

    async def ask() -> Any:
        async with serving() as site:
            site.record(Noticed(examples.finding()), IncidentChanged(examples.incident(), "found"))
            site.record(Decided(examples.plan(state=PlanState.AWAITING_APPROVAL)))
            now_ms = site.ports.clock.wall_ns() // 1_000_000
            site.state.bulletin.status = LoopStatus(rounds=5, last_round_ms=now_ms, blind="nothing arrives")
            await site.get("/api/ops/status")
            await site.ports.clock.advance(3)
            return (await site.get("/api/ops/status")).json()

    found = asyncio.run(ask())
    assert (found["loop"]["rounds"], found["loop"]["age_seconds"], found["loop"]["blind"]) == (
        5,
        3.0,
        "nothing arrives",
    )
    assert (found["open_incidents"], found["awaiting_approval"], found["active_findings"]) == (1, 1, 1)
    assert (found["autonomy"], found["killed"], found["health"]) == ("suggest", False, 60)


def test_a_health_score_names_what_took_each_point(serving: Any, examples: Any) -> None:
    """An entity without findings is at 100, and one bad entity pulls the whole down."""

    async def ask() -> Any:
        async with serving() as site:
            other = replace(examples.ORDERS, id="web")
            site.state.bulletin.topology = Topology().with_entities([examples.ORDERS, other])
            site.record(Noticed(examples.finding()), Noticed(replace(examples.finding("b"), severity="info")))
            return (await site.get("/api/ops/health")).json()

    found = asyncio.run(ask())
    assert [(one["entity"], one["score"]) for one in found["entities"]] == [
        ("service:orders", 60),
        ("service:web", 100),
    ]
    assert [one["finding"] for one in found["entities"][0]["deductions"]] == ["latency"]
    assert found["score"] == 70


def test_anomalies_are_findings_by_what_they_are_about(serving: Any, examples: Any) -> None:
    """Filters and pages; what has ended is still there to be looked at."""

    async def ask() -> None:
        async with serving() as site:
            site.record(*(Noticed(examples.finding(f"f{number}")) for number in range(3)))
            site.record(Noticed(replace(examples.finding("gone", ended=examples.T + 1), aspect=Aspect.CPU)))
            for given, keys in (
                ({"active": "true"}, ["f2", "f1", "f0"]),
                ({"active": "false"}, ["gone"]),
                ({"aspect": "cpu"}, ["gone"]),
                ({"entity": "service:none"}, []),
                ({"severity": "critical", "limit": 2}, ["gone", "f2"]),
            ):
                page = (await site.get("/api/ops/anomalies", **given)).json()
                assert [finding["key"] for finding in page["findings"]] == keys
            rest = (await site.get("/api/ops/anomalies", cursor=page["next"])).json()
            assert [finding["key"] for finding in rest["findings"]] == ["f1", "f0"]

    asyncio.run(ask())


def test_levels_topology_lessons_and_diagnoses_are_shown(serving: Any, examples: Any) -> None:
    """Each in its own words, with references instead of nested things."""

    async def ask() -> None:
        async with serving() as site:
            trend = Trend(entity=examples.ORDERS, aspect=Aspect.CPU, signal="cpu", before=1.0, now=float("nan"))
            site.state.bulletin.levels = lambda: [trend]
            edge = Edge(EdgeKind.CALLS, replace(examples.ORDERS, id="web"), examples.ORDERS, 5)
            site.state.bulletin.topology = Topology().with_edges([edge])
            site.record(IncidentChanged(examples.incident(), "found"), Learnt(examples.LESSON))
            levels = (await site.get("/api/ops/metrics", entity="service:orders")).json()
            assert (levels["total"], levels["levels"][0]["now"], levels["levels"][0]["before"]) == (1, None, 1.0)
            topology = (await site.get("/api/ops/topology")).json()
            assert [edge["source"] for edge in topology["edges"]] == ["service:web"]
            (lesson,) = (await site.get("/api/ops/lessons")).json()
            assert (lesson["action"], round(lesson["rate"], 2)) == ("workloads.restart", 0.67)
            (diagnosis,) = (await site.get("/api/ops/diagnoses")).json()
            assert [one["cause"] for one in diagnosis["hypotheses"]] == ["hang", "crash"]
            assert (await site.get("/api/ops/diagnoses", incident="none")).status_code == 404
            assert (await site.get("/api/ops/actions")).json() == []
            assert (await site.get("/api/ops/drills")).json() == {"time_ms": None, "results": None}

    asyncio.run(ask())
