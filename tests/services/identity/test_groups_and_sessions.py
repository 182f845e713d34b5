"""One person at a time is put into a group, and one session of somebody is ended; other processes hear of it."""

from __future__ import annotations

from typing import Any

import pytest

from steersman.model.errors import Conflict, Forbidden, NotFound
from steersman.runtime.identity import retractions, sessions
from steersman.runtime.identity.accounts import Kind

PASSWORD = "a green kettle sings by itself"


@pytest.fixture
def acting(console: Any) -> Any:
    acting = console.acting()
    acting.add("ines", "", Kind.PERSON, PASSWORD, [])
    acting.add("otto", "", Kind.PERSON, PASSWORD, [])
    acting.save_group("crew", ["operator"], ["otto"])
    return acting


def test_somebody_is_put_into_a_group_and_taken_out_and_the_others_stay(acting: Any) -> None:
    assert acting.put_in("crew", "INES").members == ("ines", "otto")
    assert acting.put_in("crew", "ines").members == ("ines", "otto")
    assert acting.take_out("crew", "otto").members == ("ines",)
    assert acting.take_out("crew", "otto").members == ("ines",)
    told = [one for one in acting.identity.ports.journal.read() if one.type == "identity.group.changed"]
    assert [dict(one.payload) for one in told][1:] == [{"in": "ines"}, {"out": "otto"}]


def test_a_group_keeps_its_members_when_only_its_roles_change(acting: Any) -> None:
    acting.save_group("crew", ["viewer"], None)
    assert acting.take_out("crew", "ines").members == ("otto",)


@pytest.mark.requirement("ASVS-8.2.1", "SOC2-CC6.3")
def test_nobody_puts_somebody_into_a_group_that_holds_more_than_they_do(console: Any, acting: Any) -> None:
    manager = console.acting(console.caller("manager"))
    for attempt in (manager.put_in, manager.take_out):
        with pytest.raises(Forbidden):
            attempt("crew", "ines")
    acting.save_group("readers", ["viewer"], [])
    assert manager.put_in("readers", "ines").members == ("ines",)
    with pytest.raises(NotFound):
        manager.put_in("readers", "nobody")
    with pytest.raises(NotFound):
        manager.put_in("nothing", "ines")


def test_the_last_administrator_is_not_taken_out_of_the_group_that_makes_them_one(acting: Any) -> None:
    acting.save_group("bosses", ["admin"], ["ines"])
    with pytest.raises(Conflict):
        acting.take_out("bosses", "ines")
    acting.put_in("bosses", "otto")
    acting.take_out("bosses", "ines")


@pytest.mark.requirement("ASVS-7.4.5")
def test_one_session_of_somebody_is_ended_and_the_others_live(console: Any, acting: Any) -> None:
    account, ids = acting.one("ines").account.id, [console.ports.ids.new() for _ in range(2)]
    with console.ports.database.transaction() as transaction:
        for one in ids:
            sessions.begin(transaction, one, account, "", "", console.identity.now_ms())
    token = console.identity.tokens.issue(account, ids[0])
    assert console.identity.admission.check(token.encode(), "").session == ids[0]
    assert acting.end_sessions_of("ines", only=ids[0]) == 1
    assert console.identity.admission.known(token.encode()) is None
    assert [row.id for row in acting.sessions_of("ines")] == [ids[1]]
    for gone in (ids[0], "x"):
        with pytest.raises(NotFound):
            acting.end_sessions_of("ines", only=gone)
    with pytest.raises(NotFound):
        acting.end_sessions_of("otto", only=ids[1])
    assert acting.end_sessions_of("ines") == 1


@pytest.mark.requirement("ASVS-7.4.2", "ASVS-8.3.2")
def test_what_is_taken_away_here_is_told_to_every_other_process(console: Any, acting: Any) -> None:
    """Whoever holds a remembered caller elsewhere forgets them at the next look, about a second later."""
    made, _ = acting.make_key("ines", "", ["*"], 1)
    account = acting.one("ines").account.id
    takings = {
        "roles": (lambda: acting.change("ines", roles=["viewer"]), retractions.Retraction(retractions.About.ACCOUNT, account)),
        "group": (lambda: acting.put_in("crew", "ines"), retractions.Retraction(retractions.About.ACCOUNT, account)),
        "role": (lambda: acting.save_role("scribe", "", ["other.thing.read"]), _tenant()),
        "no role": (lambda: acting.drop_role("scribe"), _tenant()),
        "no group": (lambda: acting.drop_group("crew"), _tenant()),
        "key": (lambda: acting.revoke_key(made), retractions.Retraction(retractions.About.KEY, made)),
        "disabled": (lambda: acting.change("ines", disabled=True), retractions.Retraction(retractions.About.ACCOUNT, account)),
    }  # fmt: skip
    for name, (take, expected) in takings.items():
        elsewhere = retractions.Retractions(console.ports.database, lambda _of: None)
        take()
        _, heard = elsewhere._since()
        assert expected in heard, name


def _tenant() -> retractions.Retraction:
    return retractions.Retraction(retractions.About.TENANT, "default")
