"""Alertmanager's API v2: what Prometheus posts is on disk before the answer, and becomes a finding."""

from __future__ import annotations

import asyncio
from typing import Any

from steersman.model.findings import Aspect, FindingSource
from steersman.services.operations.store.alerts import undecided_alerts

SLOW = {
    "labels": {"alertname": "HighLatency", "service": "orders", "severity": "critical"},
    "annotations": {"summary": "orders is slow"},
    "startsAt": "2025-12-31T23:59:00.123456789Z",
    "endsAt": "2099-01-01T00:00:00Z",
    "generatorURL": "http://prometheus:9090/graph",
}


def over(alert: dict[str, Any], at: str = "2025-12-31T23:59:30Z") -> dict[str, Any]:
    return {**alert, "endsAt": at}


def undecided(site: Any) -> list[str]:
    with site.ports.database.reading() as connection:
        return [alert.labels["alertname"] for _, alert in undecided_alerts(connection)]


def test_an_alert_becomes_a_finding_about_its_service(serving: Any) -> None:
    """Entity, aspect, severity, reason and beginning come from what Prometheus says."""

    async def told() -> Any:
        async with serving() as site:
            assert (await site.post("/api/v2/alerts", [SLOW])).status_code == 200
            (finding,) = site.told().findings.values()
            return finding

    found = asyncio.run(told())
    assert (found.entity.ref, found.aspect, found.source) == ("service:orders", Aspect.LATENCY, FindingSource.ALERT)
    assert (found.severity, found.reason, found.active) == ("critical", "orders is slow", True)
    assert found.started_ms == 1_767_225_540_123


def test_an_alert_without_times_begins_now_and_is_over_in_a_while(serving: Any) -> None:
    """So does Go's zero time, which means the same."""

    async def ask() -> Any:
        async with serving() as site:
            zero = "0001-01-01T00:00:00Z"
            await site.post("/api/v2/alerts", [{"labels": {"alertname": "a"}, "startsAt": zero, "endsAt": zero}])
            (finding,) = site.told().findings.values()
            assert finding.started_ms == site.ports.clock.wall_ns() // 1_000_000
            assert len((await site.get("/api/v2/alerts")).json()) == 1
            await site.ports.clock.advance(301)
            return (await site.get("/api/v2/alerts")).json()

    assert asyncio.run(ask()) == []


def test_an_alert_is_listed_until_its_end_as_clients_expect(serving: Any) -> None:
    """Unprocessed until the loop has recorded a decision, then active; with Prometheus' own fingerprint."""

    async def ask() -> None:
        async with serving() as site:
            await site.post("/api/v2/alerts", [SLOW])
            (shown,) = (await site.get("/api/v2/alerts")).json()
            assert shown["status"] == {"state": "unprocessed", "silencedBy": [], "inhibitedBy": [], "mutedBy": []}
            (key,) = site.told().findings
            site.record(alerts=[key])
            (shown,) = (await site.get("/api/v2/alerts")).json()
            assert (shown["status"]["state"], shown["receivers"]) == ("active", [{"name": "steersman"}])
            assert key == f"alert:{shown['fingerprint']}"
            await site.post("/api/v2/alerts", [over(SLOW)])
            assert (await site.get("/api/v2/alerts")).json() == []

    asyncio.run(ask())


def test_alerts_can_be_filtered_by_matchers(serving: Any) -> None:
    """The four operators of Alertmanager; what is no matcher is refused."""

    async def ask() -> None:
        async with serving() as site:
            mild = {**SLOW, "labels": {"alertname": "Disk", "severity": "warning"}}
            await site.post("/api/v2/alerts", [SLOW, mild])
            for matcher, count in (
                ('severity="critical"', 1),
                ("severity!=critical", 1),
                ('alertname=~"High.*|Disk"', 2),
                ('service!~".+"', 1),
            ):
                assert len((await site.get("/api/v2/alerts", filter=matcher)).json()) == count, matcher
            assert (await site.get("/api/v2/alerts", filter="nonsense")).status_code == 400
            assert (await site.get("/api/v2/alerts", filter='a=~"("')).status_code == 400
            assert (await site.get("/api/v2/alerts", receiver="somebody")).json() == []

    asyncio.run(ask())


def test_what_is_right_in_a_list_is_kept_when_the_rest_is_refused(serving: Any) -> None:
    """As Alertmanager does it; a body of another shape is refused whole."""

    async def ask() -> None:
        async with serving() as site:
            answer = await site.post("/api/v2/alerts", [SLOW, {"labels": {}}, over(SLOW, "2020-01-01T00:00:00Z")])
            assert (answer.status_code, len(site.told().findings)) == (400, 1)
            assert "1: an alert needs" in answer.json()["detail"]
            for body in ({}, [{"labels": {"a": 1}}], [{"labels": {"a": "b"}, "startsAt": "soon"}], None):
                assert (await site.post("/api/v2/alerts", body)).status_code == 400
            assert site.told().findings == {}

    asyncio.run(ask())


def test_many_requests_share_a_transaction_and_each_is_kept(serving: Any) -> None:
    """The answers come after the commit; a restart hands out what was not decided upon."""

    async def flood() -> int:
        async with serving() as site:
            posts = (site.post("/api/v2/alerts", [{"labels": {"alertname": f"a{n}"}}]) for n in range(300))
            answers = await asyncio.gather(*posts)
            assert {answer.status_code for answer in answers} == {200}
            decided = list(site.told().findings)[:100]
            site.record(alerts=decided)
        async with serving() as site:
            # The job takes up what was left before it writes anything new.
            await site.post("/api/v2/alerts", [SLOW])
            return len(site.told().findings)

    assert asyncio.run(flood()) == 201


def test_a_repeated_alert_needs_no_second_decision(serving: Any) -> None:
    """It is told again as an update; its end is news."""

    async def ask() -> None:
        async with serving() as site:
            await site.post("/api/v2/alerts", [SLOW])
            site.record(alerts=list(site.told().findings))
            later = {**SLOW, "endsAt": "2099-01-01T00:05:00Z"}
            await site.post("/api/v2/alerts", [later])
            assert undecided(site) == []
            assert len(site.told().findings) == 1
            await site.post("/api/v2/alerts", [over(SLOW)])
            assert undecided(site) == ["HighLatency"]
            (finding,) = site.told().findings.values()
            assert not finding.active

    asyncio.run(ask())


def test_a_client_finds_what_it_asks_for_first(serving: Any) -> None:
    """Status, receivers, and no silences."""

    async def ask() -> None:
        async with serving() as site:
            status = (await site.get("/api/v2/status")).json()
            assert (status["cluster"]["status"], status["config"]["original"]) == ("disabled", "")
            assert status["versionInfo"]["version"]
            assert (await site.get("/api/v2/receivers")).json() == [{"name": "steersman"}]
            assert (await site.get("/api/v2/silences")).json() == []

    asyncio.run(ask())
