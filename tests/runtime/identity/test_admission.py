"""What the door remembers of verified callers, for how long, and how much of refusals is written."""

from __future__ import annotations

from typing import Any

import pytest

from steersman.model.errors import Unauthenticated
from steersman.runtime.identity import accounts, admission, apikeys, authority, sessions


def cookie_for(desk: Any, account: Any) -> bytes:
    with desk.ports.database.transaction() as transaction:
        now = desk.identity.now_ms()
        return sessions.begin_cookie(transaction, desk.ports.ids.new(), account.id, "", "", now).encode()


def key_for(desk: Any, account: Any, *scopes: str, days: int = 1) -> bytes:
    with desk.ports.database.transaction() as transaction:
        now = desk.identity.now_ms()
        made = apikeys.make(transaction, desk.ports.ids.new(), account.id, "", scopes, now, now + days * 86_400_000)
        return made.encode()


def test_a_verified_token_is_answered_from_memory(desk: Any) -> None:
    desk.add("ines", "viewer")
    token = desk.sign_in("ines").access.encode()
    assert desk.identity.admission.known(token) is None
    caller = desk.identity.admission.check(token, "")
    assert desk.identity.admission.known(token) is caller
    assert caller.permissions == {"example.thing.read"}


def test_a_session_that_was_ended_elsewhere_is_out_within_half_a_minute(desk: Any) -> None:
    """However the token is asked for in the meantime: a fresh one of the session does not prolong it either."""
    desk.add("ines", "viewer")
    pair = desk.sign_in("ines")
    session = desk.identity.admission.check(pair.access.encode(), "").session
    with desk.ports.database.transaction() as transaction:
        sessions.end(transaction, session, "elsewhere", desk.identity.now_ms())
    desk.clock.tick(24)
    other = desk.identity.tokens.issue(desk.identity.admission.known(pair.access.encode()).account, session).encode()
    assert desk.identity.admission.check(other, "")
    desk.clock.tick(1)
    for token in (pair.access.encode(), other):
        assert desk.identity.admission.known(token) is None
        with pytest.raises(Unauthenticated):
            desk.identity.admission.check(token, "")


def test_a_role_that_was_taken_away_here_is_gone_at_once(desk: Any) -> None:
    account = desk.add("ines", "viewer")
    token = desk.sign_in("ines").access.encode()
    desk.identity.admission.check(token, "")
    with desk.ports.database.transaction() as transaction:
        accounts.set_roles(transaction, account.id, [])
    desk.identity.forget_account(account.id)
    assert desk.identity.admission.known(token) is None
    assert desk.identity.admission.check(token, "").permissions == frozenset()


def test_what_was_forgotten_during_a_check_is_not_remembered_after_it(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = desk.add("ines", "viewer")
    token = desk.sign_in("ines").access.encode()
    asked = accounts.roles_of

    def meanwhile(*given: Any) -> Any:
        desk.identity.forget_account(account.id)
        return asked(*given)

    monkeypatch.setattr(authority.accounts, "roles_of", meanwhile)
    assert desk.identity.admission.check(token, "")
    assert desk.identity.admission.known(token) is None


def test_a_key_can_do_what_its_scopes_and_its_account_both_may(desk: Any) -> None:
    account = desk.add("robot", "operator")
    check = desk.identity.admission.check
    assert check(key_for(desk, account, "example.thing.read"), "").permissions == {"example.thing.read"}
    assert check(key_for(desk, account, "*"), "").permissions == {"example.thing.read", "example.thing.write"}
    assert check(key_for(desk, account, "identity.users.write"), "").permissions == frozenset()
    narrow = check(key_for(desk, desk.add("root", "admin"), "example.thing.read"), "")
    assert not narrow.may("example.thing.write")


def test_a_key_ends_with_its_time_and_with_its_account(desk: Any) -> None:
    account = desk.add("robot", "operator")
    good, short = key_for(desk, account, "*", days=2), key_for(desk, account, "*")
    desk.clock.tick(86_399)
    assert desk.identity.admission.check(short, "")
    desk.clock.tick(1)
    assert desk.identity.admission.known(short) is None
    with pytest.raises(Unauthenticated):
        desk.identity.admission.check(short, "")
    assert desk.identity.admission.check(good, "")
    with desk.ports.database.transaction() as transaction:
        accounts.change_account(transaction, account.id, disabled=True)
    desk.clock.tick(25)
    with pytest.raises(Unauthenticated):
        desk.identity.admission.check(good, "")


@pytest.mark.parametrize("change", [lambda key: key[:-1] + (b"A" if key[-1:] != b"A" else b"B"), lambda key: key + b"A", lambda key: key[:36],
                                    lambda key: key.upper(), lambda key: b"stm_" + b"0" * 32 + key[36:]])  # fmt: skip
def test_a_changed_key_opens_nothing(desk: Any, change: Any) -> None:
    key = key_for(desk, desk.add("robot", "operator"), "*")
    with pytest.raises(Unauthenticated):
        desk.identity.admission.check(change(key), "")


def test_a_cookie_is_no_bearer_token_and_the_other_way_round(desk: Any) -> None:
    """Otherwise a script that reads one could use it as the other; also not from memory."""
    account = desk.add("ines", "viewer")
    cookie, key, pair = cookie_for(desk, account), key_for(desk, account, "*"), desk.sign_in("ines")
    check = desk.identity.admission
    assert check.check_cookie(cookie).subject == "ines"
    assert check.known_cookie(cookie)
    assert check.known(cookie) is None
    with pytest.raises(Unauthenticated):
        check.check(cookie, "")
    for token in (key, pair.access.encode()):
        check.check(token, "")
        assert check.known_cookie(token) is None
        assert check.check_cookie(token) is None


def test_memory_is_bounded(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that came first makes room."""
    monkeypatch.setattr(admission, "_REMEMBERED", 3)
    account = desk.add("robot", "operator")
    keys = [key_for(desk, account, "*") for _ in range(5)]
    for key in keys:
        desk.identity.admission.check(key, "")
    assert [desk.identity.admission.known(key) is not None for key in keys] == [False, False, True, True, True]


def test_a_flood_of_wrong_tokens_does_not_fill_the_journal(desk: Any) -> None:
    """A burst is written, then one now and then, which says how many were left out."""
    for _ in range(5000):
        with pytest.raises(Unauthenticated):
            desk.identity.admission.check(b"wrong", "192.0.2.9")
    assert len(desk.told("identity.token.refused")) == 60
    desk.clock.tick(10)
    with pytest.raises(Unauthenticated):
        desk.identity.admission.check(b"wrong", "192.0.2.9")
    assert desk.told("identity.token.refused")[-1] == {"reason": "header", "left_out": 4940}
