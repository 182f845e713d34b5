"""CloudEvents as changes, in the three modes of CloudEvents 1.0 over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from steersman.model.errors import InvalidInput
from steersman.model.ids import DEFAULT_TENANT
from steersman.services.operations.logic.deploys import change_of

DEPLOY = {
    "specversion": "1.0",
    "id": "271069a8",
    "source": "/ci/build/42",
    "type": "dev.cdevents.service.deployed.0.2.0",
    "subject": "orders",
    "time": "2025-12-31T23:59:00Z",
    "data": {"version": "1.4.2", "before": "1.4.1", "actor": "ann", "nested": {"a": 1}},
}


def sent(mode: str) -> dict[str, Any]:
    if mode == "structured":
        return {"headers": {"content-type": "application/cloudevents+json"}, "content": json.dumps(DEPLOY)}
    if mode == "batched":
        return {"headers": {"content-type": "application/cloudevents-batch+json"}, "content": json.dumps([DEPLOY])}
    headers = {f"ce-{name}": value for name, value in DEPLOY.items() if name != "data"}
    return {"headers": {**headers, "content-type": "application/json"}, "content": json.dumps(DEPLOY["data"])}


@pytest.mark.parametrize("mode", ["structured", "batched", "binary"])
def test_a_deploy_is_told_once_whatever_the_mode(serving: Any, mode: str) -> None:
    """It is stored, the loop hears of it, and a repetition changes nothing."""

    async def tell() -> Any:
        async with serving() as site:
            answers = [await site.ask("POST", "/api/ops/changes", **sent(mode)) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [202, 202]
            assert [answer.json()["taken"] for answer in answers] == [1, 0]
            (shown,) = (await site.get("/api/ops/changes", entity="service:orders")).json()["changes"]
            assert shown["id"] == "/ci/build/42#271069a8"
            return site.told().changes

    (change,) = asyncio.run(tell())
    assert (change.kind, change.entity.ref, change.actor) == ("deploy", "service:orders", "ann")
    assert change.details == {"version": "1.4.2", "before": "1.4.1", "actor": "ann"}


@pytest.mark.parametrize(
    ("changed", "attribute"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": ""}, "id"),
        ({"source": None}, "source"),
        ({"type": "com.example.lunch"}, "type"),
        ({"subject": None, "data": None}, "subject"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2025-12-31T23:59:00"}, "time"),
    ],
)
def test_an_event_that_cannot_be_read_names_the_attribute(changed: dict[str, Any], attribute: str) -> None:
    """A pipeline's author reads the reason in its log."""
    with pytest.raises(InvalidInput, match=rf"^{attribute}:"):
        change_of({**DEPLOY, **changed}, DEFAULT_TENANT, "ci", 0)


def test_what_is_no_cloud_event_is_refused(serving: Any) -> None:
    """Another media type, no JSON, or a batch that is none."""

    async def tell() -> None:
        async with serving() as site:
            for kind, content, status in (
                ("text/plain", "x", 415),
                ("application/cloudevents+json", "x", 400),
                ("application/cloudevents-batch+json", "{}", 400),
                ("application/json", "[]", 400),
            ):
                answer = await site.ask("POST", "/api/ops/changes", headers={"content-type": kind}, content=content)
                assert answer.status_code == status, kind

    asyncio.run(tell())
