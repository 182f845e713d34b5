"""What people say over HTTP: words on incidents, answers to plans, and their will as a policy."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from steersman.model.ids import DEFAULT_TENANT
from steersman.model.incidents import IncidentState
from steersman.model.plans import Autonomy, PlanState, Risk
from steersman.model.rounds import Decided, IncidentChanged, Judged
from steersman.services.operations.store.people import stored_policy


def test_a_word_on_an_incident_is_written_down_and_reaches_the_loop(serving: Any, examples: Any) -> None:
    """It is in the timeline with its author before the loop hears of it."""

    async def say() -> Any:
        async with serving() as site:
            site.record(IncidentChanged(examples.incident(), "found"))
            path = f"/api/ops/incidents/{examples.incident().id}"
            assert (await site.post(f"{path}/acknowledge")).status_code == 202
            assert (
                await site.post(f"{path}/feedback", {"kind": "wrong", "text": "it was the disk"})
            ).status_code == 202
            lines = (await site.get(f"{path}/timeline")).json()["entries"]
            assert [(line["actor"], line["payload"].get("kind")) for line in lines[1:]] == [
                ("root", "acknowledged"),
                ("root", "wrong"),
            ]
            assert [line["text"] for line in (await site.get(path)).json()["feedback"]] == ["", "it was the disk"]
            return site.told().feedback

    assert [said.kind for said in asyncio.run(say())] == ["acknowledged", "wrong"]


def test_a_word_that_makes_no_sense_is_refused(serving: Any, examples: Any) -> None:
    """About nothing, about what is over, or in words that nobody knows."""

    async def say() -> None:
        async with serving() as site:
            site.record(IncidentChanged(examples.incident(state=IncidentState.RESOLVED), "over"))
            path = f"/api/ops/incidents/{examples.incident().id}"
            for url, body, status in (
                ("/api/ops/incidents/none/acknowledge", None, 404),
                (f"{path}/resolve", {}, 409),
                (f"{path}/feedback", {"kind": "odd"}, 400),
                (f"{path}/feedback", {"kind": "right", "text": "a\0b"}, 400),
                (f"{path}/feedback", {"kind": "reopened"}, 202),
            ):
                assert (await site.post(url, body)).status_code == status, url
            assert len(site.told().feedback) == 1

    asyncio.run(say())


def test_plans_are_answered_once_and_only_by_their_tenant(serving: Any, examples: Any) -> None:
    """Approve, reject and undo reach the executor with the name of who said it."""

    async def say() -> Any:
        async with serving() as site:
            done = replace(examples.plan(2, state=PlanState.VERIFYING), applied_ms=examples.T)
            site.record(Decided(examples.plan(1, state=PlanState.AWAITING_APPROVAL)), Decided(done))
            first = examples.plan(1).id
            assert (await site.post(f"/api/ops/plans/{first}/approve", key="other")).status_code == 404
            assert (await site.post(f"/api/ops/plans/{first}/approve")).status_code == 202
            assert (await site.post(f"/api/ops/plans/{first}/reject", {"text": "not now"})).status_code == 202
            assert (await site.post(f"/api/ops/plans/{first}/undo")).status_code == 409
            assert (await site.post(f"/api/ops/plans/{done.id}/undo", {"text": "too slow"})).status_code == 202
            return site.state.executor.said

    first, second = examples.plan(1).id, examples.plan(2).id
    assert asyncio.run(say()) == [
        ("approve", first, "root"),
        ("reject", first, "root", "not now"),
        ("undo", second, "root wished it: too slow"),
    ]


def test_plans_are_listed_with_their_verdicts(serving: Any, examples: Any) -> None:
    """Newest first, by state and incident, each in words."""

    async def ask() -> None:
        async with serving() as site:
            plan = examples.plan(1, state=PlanState.CURED)
            site.record(Decided(plan), Judged(plan, examples.verdict(plan), undo=False), Decided(examples.plan(2)))
            page = (await site.get("/api/ops/plans")).json()
            assert [one["id"] for one in page["plans"]] == [examples.plan(2).id, plan.id]
            (cured,) = (await site.get("/api/ops/plans", state="cured")).json()["plans"]
            assert (cured["risk"], cured["autonomy"], cured["verdict"]["kind"]) == ("disruptive", "act", "cured")
            assert (await site.get(f"/api/ops/plans/{plan.id}")).json() == cured
            assert (await site.get("/api/ops/plans/none")).status_code == 404
            assert (await site.get("/api/ops/plans", limit=1)).json()["next"]

    asyncio.run(ask())


def test_a_new_policy_is_a_version_and_counts_at_once(serving: Any) -> None:
    """What is left out is the default; the switches stay as they are; the journal has the whole of it."""

    async def change() -> Any:
        async with serving() as site:
            told = []
            site.state.bulletin.reconsider = lambda: told.append(1)
            rule = {"autonomy": "act", "entities": "service:orders", "max_risk": "reversible"}
            assert (await site.post("/api/ops/policies/freeze", {"text": "audit"})).status_code == 200
            answer = await site.put("/api/ops/policies", {"autonomy": "observe", "rules": [rule], "why": "trial"})
            assert answer.status_code == 200
            assert [one["why"] for one in answer.json()["history"]] == ["trial", "frozen: audit"]
            assert len(told) == 2
            return site.ports

    async def stored() -> Any:
        ports = await change()
        with ports.database.reading() as connection:
            return stored_policy(connection, DEFAULT_TENANT), ports.journal.read()

    policy, entries = asyncio.run(stored())
    assert (policy.default, policy.frozen, policy.per_hour) == (Autonomy.OBSERVE, True, 30)
    assert (policy.rules[0].autonomy, policy.rules[0].max_risk) == (Autonomy.ACT, Risk.REVERSIBLE)
    assert [entry.type for entry in entries] == ["ops.policy", "ops.policy"]


def test_a_wrong_policy_is_refused_with_the_field_and_the_reason(serving: Any) -> None:
    """Nothing of it counts."""

    async def change() -> None:
        async with serving() as site:
            window = {"start_ms": 5, "end_ms": 4}
            for body, field in (
                ({"autonomy": "sometimes"}, "autonomy"),
                ({"confidence": 2}, "confidence"),
                ({"rules": [{"autonomy": "act", "risk": "read"}]}, "rules.0.risk"),
                ({"maintenance": [window]}, "maintenance.0.end_ms"),
                ({"limits": {"x": "many"}}, "limits.x"),
                ({"kill": True}, "kill"),
            ):
                answer = await site.put("/api/ops/policies", body)
                assert answer.status_code == 400, body
                assert field in answer.text, (field, answer.text)
            assert (await site.get("/api/ops/policies")).json()["version"] == 0

    asyncio.run(change())


def test_the_kill_switch_is_pulled_and_lifted(serving: Any) -> None:
    """Stop and resume are versions like any other."""

    async def switch() -> None:
        async with serving() as site:

            def killed() -> bool:
                with site.ports.database.reading() as connection:
                    found = stored_policy(connection, DEFAULT_TENANT)
                assert found is not None
                return found.killed

            assert (await site.post("/api/ops/policies/stop")).json()["version"] == 1
            assert killed()
            assert (await site.post("/api/ops/policies/resume")).json()["version"] == 2
            assert not killed()

    asyncio.run(switch())
