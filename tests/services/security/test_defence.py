"""An attack from its first guess to the end of what is done about it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.services.security.conftest import PASSWORD

from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Forbidden, InvalidInput, Permanent, Throttled, Unauthenticated
from steersman.model.ids import Id
from steersman.runtime.identity import accounts
from steersman.runtime.identity.login import Attempt
from steersman.services.security.actions import ACTIONS
from steersman.services.security.jobs import tell
from steersman.services.security.model.measures import Ban, LockPassword, SlowDown
from steersman.services.security.model.settings import SecuritySettings

BAD, HOME, PLATFORM = "203.0.113.7", "198.51.100.1", Entity(EntityKind.PLATFORM, "steersman")
BAN, SLOW, LOCK, END = ACTIONS


def guess(fort: Any, times: int = 5) -> None:
    for number in range(times):
        assert not fort.sign_in("ines", f"a wrong password {number}", BAD)
    fort.tick()


@pytest.mark.requirement("ASVS-6.3.1", "ASVS-16.3.4", "SOC2-CC7.3")
def test_guessing_is_told_to_the_loop_and_answered_by_a_ban_that_ends_by_itself(fort: Any) -> None:
    """Finding, proposal, ban at the door, and after an hour nothing of it is left."""
    guess(fort)
    told = tell(fort.told, fort.defence.suspects, {}, fort.defence.now_ms())
    (found,) = fort.told.findings
    assert (found.suggests, found.entity, found.ended_ms) == (frozenset({CauseKind.ATTACK}), PLATFORM, None)
    (wish,) = BAN.propose(fort.context, PLATFORM, CauseKind.ATTACK)
    assert wish == Ban(network=BAD, minutes=60)
    BAN.apply(fort.context, "k", wish)
    with pytest.raises(Forbidden):
        fort.defence.guard.admit(BAD)
    fort.defence.guard.admit(HOME)
    fort.clock.tick(3601)
    fort.defence.guard.admit(BAD)
    fort.tick()
    tell(fort.told, fort.defence.suspects, told, fort.defence.now_ms())
    assert fort.told.findings[-1].ended_ms is not None


@pytest.mark.requirement("ASVS-16.3.3", "SOC2-CC7.3")
def test_a_session_in_two_networks_is_told_to_the_loop_which_proposes_to_end_it(fort: Any) -> None:
    """From the door to the wish; nobody is banned, as one of the two networks is its owner's."""
    attempt = Attempt("ines", PASSWORD, "", HOME, "Firefox")
    signed_in = asyncio.run(fort.defence.identity.login.for_tokens(attempt))
    token = fort.defence.identity.first_pair(signed_in).access.encode()
    caller = fort.defence.identity.admission.check(token, HOME)
    for _ in range(2):
        for address, agent in ((HOME, b"Firefox"), (BAD, b"curl")):
            fort.defence.guard.places.see(caller, address, {"headers": [(b"user-agent", agent)]})
    fort.tick()
    tell(fort.told, fort.defence.suspects, {}, fort.defence.now_ms())
    (found,) = fort.told.findings
    assert (found.suggests, found.severity) == (frozenset({CauseKind.ATTACK}), "critical")
    assert "198.51.100.0/24 and 203.0.113.0/24" in found.reason
    assert not BAN.propose(fort.context, PLATFORM, CauseKind.ATTACK)
    (wish,) = END.propose(fort.context, PLATFORM, CauseKind.ATTACK)
    END.apply(fort.context, "k", wish)
    with pytest.raises(Unauthenticated):
        fort.defence.identity.admission.check(token, HOME)


def test_habits_outlive_a_restart_because_sessions_do(fort: Any) -> None:
    """The second process reads one new sign-in, and knows the five before it from their sessions."""
    with fort.defence.ports.database.transaction() as transaction:
        accounts.set_roles(transaction, Id("a-1"), ["admin"])
    for _ in range(5):
        assert fort.sign_in("ines", PASSWORD, HOME)
        fort.clock.tick(86_400)
    fort.tick()
    other = fort.again()
    other.cursor = fort.cursor
    attempt = Attempt("ines", PASSWORD, "", BAD, "curl/8")
    asyncio.run(fort.defence.identity.login.for_tokens(attempt))
    other.tick()
    assert [one.kind for one in other.defence.suspects] == ["unusual_access"]


def test_a_ban_holds_after_a_restart_and_in_every_process_and_its_undo_as_well(fort: Any) -> None:
    """What was decided is in the database; memory only repeats it."""
    result = BAN.apply(fort.context, "k", Ban(network=BAD))
    other = fort.again()
    with pytest.raises(Forbidden):
        other.defence.guard.admit(BAD)
    BAN.undo(fort.context, "k", Ban(network=BAD), result)
    fort.defence.guard.admit(BAD)
    other.defence.enforce()
    other.defence.guard.admit(BAD)


def test_a_slowed_address_is_answered_once_in_a_while(fort: Any) -> None:
    """429 with the time to wait, then an answer."""
    SLOW.apply(fort.context, "k", SlowDown(network="203.0.113.0/24", every_seconds=2))
    fort.defence.guard.admit(BAD)
    with pytest.raises(Throttled):
        fort.defence.guard.admit(BAD)
    fort.clock.tick(2)
    fort.defence.guard.admit(BAD)


@pytest.mark.requirement("ASVS-6.3.1")
def test_a_locked_password_never_locks_its_owner_out_of_where_they_signed_in_before(fort: Any) -> None:
    """The right password opens at home, and nowhere else until the lock ends."""
    assert fort.sign_in("ines", PASSWORD, HOME)
    LOCK.apply(fort.context, "k", LockPassword(account="a-1", minutes=30))
    assert fort.sign_in("ines", PASSWORD, HOME)
    assert not fort.sign_in("ines", PASSWORD, BAD)
    fort.clock.tick(1801)
    assert fort.sign_in("ines", PASSWORD, BAD)


@pytest.mark.parametrize("network", ["127.0.0.1", "::1", "192.0.2.9", "0.0.0.0/0"])
def test_no_measure_reaches_loopback_or_whom_the_settings_except(fort: Any, network: str) -> None:
    """By preview and by deed alike."""
    for action, args in ((BAN, Ban(network=network)), (SLOW, SlowDown(network=network))):
        with pytest.raises(InvalidInput):
            action.preview(fort.context, args)
        with pytest.raises(InvalidInput):
            action.apply(fort.context, "k", args)


def test_lifting_a_measure_is_journalled(fort: Any) -> None:
    """Who let an attacker in again can be found out."""
    one = BAN.apply(fort.context, "k", Ban(network=BAD))
    fort.defence.lift(fort.context.caller, one.id)
    entry = fort.defence.ports.journal.read(limit=100)[-1]
    assert (entry.type, entry.actor, entry.payload["target"]) == ("security.measure.lifted", "ines", f"{BAD}/32")


def test_a_list_is_in_force_from_the_start_and_read_again_when_it_changes(fort: Any, tmp_path: Path) -> None:
    """A wrong line is told and costs itself only; a missing file stops the start with what to do."""
    drop = tmp_path / "drop.txt"
    drop.write_text("203.0.113.0/24 ; SBL1\nnonsense\n")
    other = fort.again(SecuritySettings(lists=(drop,)))
    with pytest.raises(Forbidden):
        other.defence.guard.admit(BAD)
    assert "line 2" in str(other.defence.lists.complaint())
    drop.write_text("198.51.100.1\n")
    assert other.defence.lists.reread()
    other.defence.enforce()
    other.defence.guard.admit(BAD)
    with pytest.raises(Permanent, match=r"security\.lists"):
        fort.again(SecuritySettings(lists=(tmp_path / "none",)))
