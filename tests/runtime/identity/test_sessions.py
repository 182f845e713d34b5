"""Refresh tokens: one successor, whoever asks how often, and the end of the family for a copied one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steersman.model.errors import Unauthenticated
from steersman.runtime.identity import accounts, sessions
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.settings import IdentitySettings

WEEK, MONTH = 7 * 86_400, 30 * 86_400


def test_a_refresh_token_is_exchanged_for_another(desk: Any) -> None:
    desk.add("ines", "viewer")
    first = desk.sign_in("ines")
    second = desk.identity.refreshed(first.refresh, "")
    assert second.refresh not in {first.refresh, ""}
    assert desk.identity.admission.check(second.access.encode(), "").subject == "ines"
    assert desk.identity.refreshed(second.refresh, "").refresh != second.refresh


def test_two_tabs_get_the_same_successor(desk: Any) -> None:
    """Within ten seconds a used token answers with what it answered before, and nobody is signed out."""
    desk.add("ines")
    first = desk.sign_in("ines").refresh
    successors = {desk.identity.refreshed(first, "").refresh}
    desk.clock.tick(10)
    successors.add(desk.identity.refreshed(first, "").refresh)
    assert len(successors) == 1
    assert desk.identity.refreshed(successors.pop(), "")


@pytest.mark.requirement("ASVS-10.4.5")
def test_a_copied_token_ends_the_family_on_both_sides(desk: Any) -> None:
    desk.add("ines")
    first = desk.sign_in("ines")
    second = desk.identity.refreshed(first.refresh, "")
    assert desk.identity.admission.check(second.access.encode(), "")
    desk.clock.tick(10.001)
    for token in (first.refresh, second.refresh, first.refresh):
        with pytest.raises(Unauthenticated):
            desk.identity.refreshed(token, "192.0.2.66")
    with pytest.raises(Unauthenticated):
        desk.identity.admission.check(second.access.encode(), "")
    assert [one["reason"] for one in desk.told("identity.refresh.refused")] == ["reused", "over", "over"]
    assert desk.told("identity.session.ended") == [{"why": "reused token"}]


def test_the_successor_outlives_the_process_and_is_in_no_file(desk: Any, tmp_path: Path) -> None:
    """It is derived anew from the key in the data directory; the database alone does not hold it."""
    desk.add("ines")
    first = desk.sign_in("ines").refresh
    successor = desk.identity.refreshed(first, "").refresh
    again = Identity.open(desk.ports, [], IdentitySettings())
    assert again.refreshed(first, "").refresh == successor
    with desk.ports.database.reading() as connection:
        rows = [str(row) for table in ("identity_refreshes", "identity_sessions")
                for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]  # fmt: skip
    assert not any(token in row for row in rows for token in (first, successor))
    (tmp_path / "secrets" / "identity-keys.json").unlink()
    other = Identity.open(desk.ports, [], IdentitySettings())
    assert other.refreshed(first, "").refresh != successor


@pytest.mark.requirement("ASVS-10.4.8", "ASVS-7.3.1", "ASVS-7.3.2")
def test_a_family_ends_by_idleness_and_by_age(desk: Any) -> None:
    desk.add("ines")
    idle, busy = desk.sign_in("ines").refresh, desk.sign_in("ines").refresh
    for _ in range(MONTH // (WEEK - 60)):
        desk.clock.tick(WEEK - 60)
        busy = desk.identity.refreshed(busy, "").refresh
    desk.clock.tick(WEEK - 60)
    for token in (idle, busy):
        with pytest.raises(Unauthenticated):
            desk.identity.refreshed(token, "")


@pytest.mark.parametrize("how", ["disabled", "ended", "all ended"])
@pytest.mark.requirement("ASVS-7.4.1")
def test_an_ended_session_refreshes_nothing(desk: Any, how: str) -> None:
    account = desk.add("ines")
    pair = desk.sign_in("ines")
    caller = desk.identity.admission.check(pair.access.encode(), "")
    with desk.ports.database.transaction() as transaction:
        if how == "disabled":
            accounts.change_account(transaction, account.id, disabled=True)
        elif how == "ended":
            sessions.end(transaction, caller.session, "a test", desk.identity.now_ms())
        else:
            sessions.end_all(transaction, account.id, "a test", desk.identity.now_ms())
    with pytest.raises(Unauthenticated):
        desk.identity.refreshed(pair.refresh, "")
    desk.clock.tick(25)
    with pytest.raises(Unauthenticated):
        desk.identity.admission.check(pair.access.encode(), "")


def test_what_has_expired_is_deleted_and_what_lives_stays(desk: Any) -> None:
    desk.add("ines")
    first = desk.sign_in("ines").refresh
    desk.clock.tick(WEEK - 1)
    second = desk.identity.refreshed(first, "").refresh
    desk.clock.tick(2)
    with desk.ports.database.transaction() as transaction:
        sessions.tidy(transaction, desk.identity.now_ms())
    with desk.ports.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM identity_refreshes").scalar() == 1
    assert desk.identity.refreshed(second, "")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 1, 9, 11, 60])), max_size=12))
def test_any_order_of_refreshes_keeps_the_rules(desk: Any, steps: list[tuple[int, int]]) -> None:
    """Model: a token has one successor for ever; used again after ten seconds, nothing of the family opens again."""
    if not any(True for _ in _people(desk)):
        desk.add("ines")
    tokens, used, dead = [desk.sign_in("ines").refresh], {}, False
    for number, wait in steps:
        desk.clock.tick(wait)
        token, now = tokens[number % len(tokens)], desk.clock.monotonic()
        dead = dead or (token in used and now - used[token][0] > 10.0005)
        if dead:
            with pytest.raises(Unauthenticated):
                desk.identity.refreshed(token, "")
            continue
        successor = desk.identity.refreshed(token, "").refresh
        assert used.setdefault(token, (now, successor))[1] == successor
        if successor not in tokens:
            tokens.append(successor)


def _people(desk: Any) -> Iterator[Any]:
    with desk.ports.database.reading() as connection:
        yield from accounts.list_accounts(connection, "default")  # type: ignore[arg-type]


def test_twenty_sign_ins_at_once_are_all_let_in(desk: Any) -> None:
    """The queue bounds how many hash at once; within it nobody is turned away."""
    desk.add("ines")

    async def all_of_them() -> list[Any]:
        tries = [desk.identity.login.for_tokens(desk.attempt("ines", address=f"192.0.2.{n}")) for n in range(20)]
        return await asyncio.gather(*tries)

    assert len({one.session for one in asyncio.run(all_of_them())}) == 20
