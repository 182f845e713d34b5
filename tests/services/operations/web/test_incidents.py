"""Incidents over HTTP: lists that keep their place, one with all that belongs to it, and its timeline."""

from __future__ import annotations

import asyncio
from typing import Any

from steersman.model.incidents import IncidentState
from steersman.model.rounds import Decided, IncidentChanged, Judged, Noticed


def test_one_incident_tells_the_whole_story(serving: Any, examples: Any) -> None:
    """Cause with evidence, findings, the plan with its verdict."""

    async def story() -> Any:
        async with serving() as site:
            plan = examples.plan()
            site.record(Noticed(examples.finding()), IncidentChanged(examples.incident(), "found"), Decided(plan))
            site.record(Judged(plan, examples.verdict(plan), undo=False))
            return (await site.get(f"/api/ops/incidents/{examples.incident().id}")).json()

    found = asyncio.run(story())
    assert (found["cause"]["cause"], found["cause"]["entity"]) == ("hang", "service:orders")
    assert found["hypotheses"][0]["evidence"][0]["text"] == "no request has been answered for 9 s"
    assert [finding["key"] for finding in found["findings"]] == ["latency"]
    assert [(plan["action"], plan["verdict"]["kind"]) for plan in found["plans"]] == [("workloads.restart", "cured")]


def test_a_timeline_begins_with_the_finding_that_came_before_its_incident(serving: Any, examples: Any) -> None:
    """Each line names its cause, also across rounds."""

    async def lines() -> Any:
        async with serving() as site:
            site.record(Noticed(examples.finding()))
            site.record(IncidentChanged(examples.incident(), "one finding"))
            site.record(Decided(examples.plan()))
            return (await site.get(f"/api/ops/incidents/{examples.incident().id}/timeline")).json()["entries"]

    found = asyncio.run(lines())
    assert [line["type"] for line in found] == ["ops.finding", "ops.incident", "ops.plan"]
    assert found[2]["cause"] == found[1]["id"]


def test_pages_follow_each_other_while_new_incidents_come(serving: Any, examples: Any) -> None:
    """A cursor names a place: what is opened meanwhile moves nothing, and nothing is seen twice or never."""

    async def walk() -> list[str]:
        async with serving() as site:
            site.record(*(IncidentChanged(examples.incident(number), "x") for number in range(7)))
            seen, cursor = [], {}
            for step in range(4):
                page = (await site.get("/api/ops/incidents", limit=2, **cursor)).json()
                seen += [incident["id"] for incident in page["incidents"]]
                cursor = {"cursor": page["next"]}
                site.record(IncidentChanged(examples.incident(100 + step), "new"))
            assert page["next"] is None
            return seen

    assert asyncio.run(walk()) == [examples.incident(number).id for number in range(6, -1, -1)]


def test_filters_narrow_the_list(serving: Any, examples: Any) -> None:
    """State, severity, entity and time; a name or a value that is unknown is refused and named."""

    async def ask() -> None:
        async with serving() as site:
            mild = examples.incident(2, state=IncidentState.RESOLVED, severity="info", entities=("host:a",))
            site.record(IncidentChanged(examples.incident(1), "x"), IncidentChanged(mild, "y"))
            for given, expected in (
                ({"state": "resolved"}, [mild.id]),
                ({"severity": "critical"}, [examples.incident(1).id]),
                ({"entity": "host:a"}, [mild.id]),
                ({"since": examples.T + 3}, []),
            ):
                page = (await site.get("/api/ops/incidents", **given)).json()
                assert [incident["id"] for incident in page["incidents"]] == expected
            for wrong in ({"state": "odd"}, {"colour": "red"}, {"cursor": "x"}, {"limit": 0}, {"since": 2**70}):
                answer = await site.get("/api/ops/incidents", **wrong)
                assert (answer.status_code, next(iter(wrong)) in answer.json()["detail"]) == (400, True)

    asyncio.run(ask())


def test_an_answer_is_as_new_as_the_last_round(serving: Any, examples: Any) -> None:
    """Kept answers are forgotten as soon as something is recorded."""

    async def ask() -> list[str]:
        async with serving() as site:
            titles = []
            for title in ("slow", "dead"):
                site.record(IncidentChanged(examples.incident(title=title), title))
                asked = [await site.get(f"/api/ops/incidents/{examples.incident().id}") for _ in range(2)]
                titles += [answer.json()["title"] for answer in asked]
            return titles

    assert asyncio.run(ask()) == ["slow", "slow", "dead", "dead"]


def test_another_tenant_sees_nothing(serving: Any, examples: Any) -> None:
    """Neither in a list nor by its id, whatever was asked before."""

    async def ask() -> None:
        async with serving() as site:
            site.record(IncidentChanged(examples.incident(), "mine"))
            path = f"/api/ops/incidents/{examples.incident().id}"
            assert (await site.get(path)).status_code == 200
            assert (await site.get(path, key="other")).status_code == 404
            assert (await site.get("/api/ops/incidents", key="other")).json() == {"incidents": [], "next": None}

    asyncio.run(ask())
