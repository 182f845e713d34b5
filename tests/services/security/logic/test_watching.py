"""Who behaves like an attacker, as the journal tells it. The clock is that of the entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from steersman.services.security.logic.watching import KEPT_SECONDS, Watching

BAD = "203.0.113.7"
NOON = 12 * 3600.0


def kinds(watching: Watching, now: float) -> set[str]:
    return {one.kind for one in watching.suspects(now)}


def refused(watching: Watching, account: str, address: str, at: float) -> None:
    watching.see("identity.login.refused", account, {"reason": "password", "address": address}, at)


def begun(watching: Watching, address: str, at: float) -> None:
    watching.see("identity.session.begun", "s", {"account": "ann", "address": address}, at)


@pytest.mark.requirement("ASVS-6.3.1")
def test_guessing_one_password_makes_the_address_suspect_and_not_the_account() -> None:
    """Whoever knows a name could otherwise bring its owner under suspicion."""
    watching = Watching()
    for second in range(5):
        refused(watching, "ann", BAD, NOON + second)
    (one,) = watching.suspects(NOON + 5)
    assert (one.kind, one.address, one.account) == ("brute_force", BAD, "")


@pytest.mark.requirement("ASVS-6.3.1")
def test_one_password_for_many_accounts_is_seen_though_each_fails_once() -> None:
    """Spraying stays below every limit of one account."""
    watching = Watching()
    for number in range(8):
        refused(watching, f"account-{number}", BAD, NOON + number)
    assert kinds(watching, NOON + 8) == {"credential_stuffing"}


def test_a_distributed_guess_at_one_account_is_about_the_account() -> None:
    """No address of a botnet stands out; the account does."""
    watching = Watching()
    for number in range(50):
        refused(watching, "ann", f"203.0.113.{number}", NOON + number)
    (one,) = watching.suspects(NOON + 50)
    assert (one.account, one.address) == ("ann", "")


def test_a_person_who_mistypes_three_times_is_no_suspect() -> None:
    """Forgetting is not guessing."""
    watching = Watching()
    for second in range(3):
        refused(watching, "ann", BAD, NOON + second)
    begun(watching, BAD, NOON + 4)
    assert not watching.suspects(NOON + 5)


def test_a_used_refresh_token_is_a_replay_at_once() -> None:
    """Its family is dead by then; who presented it is still to be told."""
    watching = Watching()
    watching.see("identity.refresh.refused", "s1", {"reason": "reused", "address": BAD}, NOON)
    watching.see("identity.refresh.refused", "s2", {"reason": "expired", "address": BAD}, NOON)
    assert [one.key for one in watching.suspects(NOON + 1)] == ["token_replay:s1"]


def test_a_new_network_alone_is_nobodys_fault_and_with_a_new_hour_it_is_told() -> None:
    """People travel; they seldom travel and change their habits in the same sign-in."""
    watching = Watching()
    for day in range(6):
        begun(watching, "198.51.100.1", day * 86400 + NOON)
    begun(watching, "198.51.101.1", 7 * 86400 + NOON)
    assert not watching.suspects(7 * 86400 + NOON)
    begun(watching, "198.51.102.1", 8 * 86400 + 3 * 3600)
    assert kinds(watching, 8 * 86400 + 3 * 3600) == {"unusual_access"}


def test_three_requests_with_an_attack_make_a_suspect_and_quiet_ends_it() -> None:
    """A suspicion is kept for a while after its last sign, and no longer."""
    watching = Watching()
    told: Mapping[str, Any] = {"kind": "sql_injection", "address": BAD}
    for second in range(3):
        watching.see("security.attack.seen", "address-1", told, NOON + second)
    assert kinds(watching, NOON + 2) == {"attack"}
    assert not watching.suspects(NOON + 3 + KEPT_SECONDS)


def test_a_shared_session_and_trying_of_objects_are_about_the_account_and_name_no_address_to_ban() -> None:
    """One of the two networks is the owner's, and behind an office's address sit others."""
    watching = Watching()
    shared: Mapping[str, Any] = {
        "account": "a-1", "address": BAD, "networks": ["198.51.100.0/24", "203.0.113.0/24"], "programs": "the same"
    }  # fmt: skip
    watching.see("security.session.interleaved", "s-1", shared, NOON)
    watching.see("security.objects.probed", "a-2", {"account": "a-2", "address": BAD, "objects": 30}, NOON)
    assert [(one.kind, one.account, one.address, one.certain) for one in watching.suspects(NOON)] == [
        ("shared_session", "a-1", "", False),
        ("enumeration", "a-2", "", False),
    ]
    watching.see("security.session.interleaved", "s-1", {**shared, "programs": "different"}, NOON)
    assert watching.suspects(NOON)[0].certain
