"""What waits for a second person over HTTP: who sees it, who answers it, and what page, stream and commands say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.conftest import open_harness as open_harness  # noqa: PLC0414 - a fixture that is used here as well
from tests.contract.people import People

from steersman.app import HOUSE_PROVIDES
from steersman.contract.testing import Answer
from steersman.runtime.actions import Actions, NotAgreed
from steersman.runtime.identity.accounts import Kind
from steersman.runtime.registry import discover
from steersman.services.operations.commands import approvals as commands
from steersman.services.operations.logic.phrases import event_line

LIST = "/api/ops/approvals"
SET_LEVEL = "/api/platform/actions/set_log_level"
WISH = {"args": {"level": "debug"}, "key": "case-17"}


class Desk(People):
    """People who ask for two things, and answer."""

    def wish(self, token: str) -> str:
        """Ask for an action and return the id of what waits."""
        assert self.call(token, "POST", SET_LEVEL, WISH).status == 409
        newest = self.call(token, "GET", LIST).body["approvals"][0]
        return str(newest["id"])

    def answer(self, token: str, id: str, how: str, body: Any = None) -> Answer:
        return self.call(token, "POST", f"{LIST}/{id}/{how}", body)

    def lines(self, kind: str) -> list[Any]:
        return [entry for entry in self.harness.journal() if entry.type == kind]


@pytest.fixture
def desk(open_harness: Any) -> Iterator[Desk]:
    needed = {"operations", "platform", "secrets", "telemetry"}
    services = [one for one in discover(house_provides=HOUSE_PROVIDES) if one.name in needed]
    with open_harness(services, {"four_eyes": ("platform.set_log_level", "secrets.value")}) as harness:
        yield Desk(harness)


@pytest.mark.requirement("ASVS-2.3.5")
def test_whoever_could_do_it_sees_it_and_a_yes_does_it(desk: Desk) -> None:
    """The one who asked sees it too, and nobody else; an action is done with the second yes."""
    ines, otto, vera = desk.person("ines"), desk.person("otto"), desk.person("vera", "viewer")
    wish = desk.wish(ines)
    (seen,) = desk.call(otto, "GET", LIST).body["approvals"]
    assert (seen["asked_by"], seen["args"]["level"], seen["may_confirm"], seen["mine"]) == (
        "ines",
        "debug",
        True,
        False,
    )
    assert desk.call(ines, "GET", f"{LIST}/{wish}").body["mine"] is True
    assert desk.call(vera, "GET", LIST).body == {"approvals": []}
    assert desk.call(vera, "GET", f"{LIST}/{wish}").status == 404
    assert desk.answer(ines, wish, "confirm").status == 409
    done = desk.answer(otto, wish, "confirm")
    assert (done.status, done.body["state"], done.body["answered_by"]) == (200, "agreed", "otto")
    assert len(desk.lines("action.applied")) == 1
    assert desk.answer(otto, wish, "confirm").status == 409
    assert desk.call(ines, "POST", SET_LEVEL, WISH).body["repeated"] is True


def test_a_no_says_why_and_a_wish_is_taken_back_by_whoever_had_it(desk: Desk) -> None:
    ines, otto, vera = desk.person("ines"), desk.person("otto"), desk.person("vera", "viewer")
    first = desk.wish(ines)
    assert desk.answer(vera, first, "reject").status == 404
    said = desk.answer(otto, first, "reject", {"reason": "not during the audit"}).body
    assert (said["state"], said["reason"], said["args"]) == ("rejected", "not during the audit", None)
    second = desk.wish(ines)
    assert desk.answer(otto, second, "withdraw").status == 403
    assert desk.answer(ines, second, "withdraw").body["state"] == "withdrawn"
    assert desk.answer(otto, second, "confirm").status == 409
    assert desk.call(ines, "GET", LIST).body == {"approvals": []}
    assert len(desk.call(ines, "GET", f"{LIST}?state=rejected").body["approvals"]) == 1
    assert desk.lines("action.requested") == []


def test_the_page_shows_what_waits_with_the_buttons_of_whoever_looks(desk: Desk) -> None:
    ines, otto = desk.person("ines"), desk.person("otto")
    wish = desk.wish(ines)
    of_otto, of_ines = (desk.call(token, "GET", "/ops").body for token in (otto, ines))
    assert f"{LIST}/{wish}/confirm" in of_otto
    assert f"{LIST}/{wish}/confirm" not in of_ines
    assert f"{LIST}/{wish}/withdraw" in of_ines
    assert "ines asked" in of_otto


def test_the_line_of_follow_names_people_and_the_journal_does_not(desk: Desk) -> None:
    ines, otto = desk.person("ines"), desk.person("otto")
    desk.answer(otto, desk.wish(ines), "confirm")
    asked, agreed = desk.lines("approval.asked")[0], desk.lines("approval.agreed")[0]
    assert "ines" not in json.dumps([asked.payload, asked.actor])
    people = {desk.accounts[name]: name for name in ("ines", "otto")}
    told = [
        event_line({"time_ms": 0, "type": one.type, "payload": one.payload, "subject": one.subject, "people": people})
        for one in (asked, agreed)
    ]
    assert "platform.set_log_level: ines asked, and another person has to confirm" in told[0]
    assert "platform.set_log_level: otto agreed to what ines asked for" in told[1]


def test_the_commands_list_confirm_reject_and_withdraw(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ines, otto = desk.person("ines"), desk.person("otto")
    whose = [otto]

    def ask(_url: str, _data: None, method: str, path: str, body: Any = None) -> Any:
        return desk.call(whose[0], method, f"{LIST}{path}", body).body

    monkeypatch.setattr(commands, "_ask", ask)
    commands.show()
    first = desk.wish(ines)
    commands.show()
    commands.reject(first, reason="no")
    commands.confirm(desk.wish(ines))
    desk.call(ines, "GET", "/api/secrets/values/door")
    whose[0] = desk.person("ada", "admin")
    desk.call(whose[0], "GET", "/api/secrets/values/door")
    (mine,) = desk.call(whose[0], "GET", LIST).body["approvals"]
    commands.withdraw(mine["id"])
    told = capsys.readouterr().out
    for words in (
        "nothing waits",
        '"debug"',
        "asked by ines, a second person is missing",
        "rejected",
        "agreed to",
        "withdrawn",
    ):
        assert words in told, words


def test_nobody_alone_does_anything_that_asks_for_two_people(open_harness: Any) -> None:
    """Every action and operation that can ask for two people, by every kind of caller, with arguments that would do."""
    services = discover(house_provides=HOUSE_PROVIDES)
    with open_harness(services, {"four_eyes": ("*",)}) as harness:
        desk = Desk(harness)
        tokens = [desk.person(role, role) for role in ("guest", "user", "viewer", "manager", "operator", "admin")]
        desk.person("robot", "admin", kind=Kind.SERVICE)
        program = harness._tokens[frozenset({"platform.logging.write"})]
        tokens += [desk.signed_in("admin"), desk.key_of("admin"), desk.key_of("robot"), program]
        paths = desk.call(tokens[5], "GET", "/openapi.json").body["paths"]
        asked = [(m, p) for p, found in paths.items() for m, one in found.items() if one.get("x-four-eyes") == "asked"]
        assert len(asked) > sum(len(service.actions) for service in services)
        for method, path in asked:
            for number, token in enumerate(tokens):
                body = None if method == "get" else _sent(path, f"k{number}")
                answer = desk.call(token, method.upper(), path.replace("{", "").replace("}", ""), body)
                assert answer.status in {400, 403, 404, 409}, (method, path, answer)
        assert [one.subject for one in harness.journal() if one.type in {"action.requested", "approval.agreed"}] == []
        noted = {one.subject for one in harness.journal() if one.type == "approval.asked"}
        assert {"platform.set_log_level", "secrets.value"} <= noted, "somebody was the first of two"


def _sent(path: str, key: str) -> Any:
    args = {"level": "debug"} if path == SET_LEVEL else {}
    return {"args": args, "key": key} if "/actions/" in path else {"reason": "r"}


def test_a_plan_of_the_loop_is_nobodys_to_do_before_two_agreed(desk: Desk) -> None:
    """Whoever acts without a sign-in, as the loop does, is refused on the one road to every effect."""
    house = desk.harness._platform.house
    service = house.find("platform")
    (action,) = service.actions
    actions, context = house.ports.get(Actions), desk.harness.context(service)
    with pytest.raises(NotAgreed, match="they did not"):
        actions.perform(context, service, action, action.args(level="debug"), "plan-1")
    assert desk.lines("action.requested") == []
