"""Signing in: one answer for everything that is wrong, slower for whoever guesses, and nobody locked out by others."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

import pyotp
import pytest

from steersman.contract.fakes import FakeClock
from steersman.model.errors import Permanent, Throttled, Unauthenticated
from steersman.runtime.identity import accounts
from steersman.runtime.identity.accounts import Kind
from steersman.runtime.identity.failures import Failures
from steersman.runtime.identity.login import REFUSED
from steersman.runtime.identity.throttle import Throttle


@pytest.mark.parametrize("case", ["unknown", "wrong", "disabled", "service", "impossible", "unicode", "empty"])
@pytest.mark.requirement("ASVS-6.3.8")
def test_every_wrong_sign_in_hears_the_same(desk: Any, case: str) -> None:
    """Who exists, and what was wrong, is told to nobody."""
    account = desk.add("ines")
    desk.add("robot", kind=Kind.SERVICE, password=None)
    if case == "disabled":
        with desk.ports.database.transaction() as transaction:
            accounts.change_account(transaction, account.id, disabled=True)
    tried = {
        "unknown": {"name": "nobody"},
        "wrong": {"name": "ines", "password": "a green kettle sings by others"},
        "disabled": {"name": "ines"},
        "service": {"name": "robot"},
        "impossible": {"name": "ines", "password": "x" * 100_000},
        "unicode": {"name": "ines\ud800\0", "password": "\ud800"},
        "empty": {"name": "", "password": ""},
    }[case]
    with pytest.raises(Unauthenticated) as raised:
        desk.sign_in(**tried)
    assert raised.value.message == REFUSED
    (told,) = desk.told("identity.login.refused")
    assert told == {"reason": "password", "address": "192.0.2.7"}


@pytest.mark.parametrize("name", ["ines", "INES", "ｉｎｅｓ"])
def test_a_name_may_be_typed_in_any_case_and_width(desk: Any, name: str) -> None:
    desk.add("ines")
    assert desk.sign_in(name)


@pytest.mark.parametrize("name", ["іnes", "ines ", " ines", "ines\u200b", "ines\0", "ínes"])
def test_a_look_alike_of_a_name_opens_nothing(desk: Any, name: str) -> None:
    desk.add("ines")
    with pytest.raises(Unauthenticated):
        desk.sign_in(name)


@pytest.mark.requirement("ASVS-16.2.5")
def test_an_unknown_name_is_not_written_down(desk: Any) -> None:
    """People type their password into the wrong field."""
    with pytest.raises(Unauthenticated):
        desk.sign_in("a green kettle sings")
    entries = desk.told("identity.login.refused") and desk.ports.journal.read()
    assert "kettle" not in str(entries)


@pytest.mark.requirement("ASVS-6.3.1", "ASVS-2.4.1")
def test_guessing_gets_slower_and_is_forgotten() -> None:
    clock = FakeClock()
    throttle = Throttle(Failures(clock))
    waits = []
    for _ in range(30):
        waits.append(throttle.seconds("ines", "192.0.2.1", known=False))
        throttle.failed("ines", "192.0.2.1")
    assert waits[:6] == [0.0] * 6
    assert waits == sorted(waits)
    assert waits[-1] == 5.0
    clock.tick(3600)
    assert throttle.seconds("ines", "192.0.2.1", known=False) == 0.0


def test_guessing_from_everywhere_costs_the_owner_nothing_where_they_sit() -> None:
    """A thousand addresses guess at one account: whoever signed in from an address before does not wait."""
    throttle = Throttle(Failures(FakeClock()))
    for number in range(1000):
        throttle.failed("ines", f"198.51.100.{number}")
    assert throttle.seconds("ines", "192.0.2.1", known=True) == 0.0
    assert throttle.seconds("ines", "192.0.2.2", known=False) == 5.0
    assert throttle.seconds("otto", "192.0.2.2", known=False) == 0.0


def test_the_right_password_opens_in_the_middle_of_an_attack(desk: Any) -> None:
    """Also from an address that was never seen: it waits, and is let in."""
    desk.add("ines")
    for number in range(40):
        desk.identity.login._throttle.failed("ines", f"198.51.100.{number}")

    async def from_somewhere() -> Any:
        trying = asyncio.ensure_future(desk.identity.login.for_tokens(desk.attempt("ines")))
        while not desk.clock._sleepers:  # noqa: ASYNC110 - the fake clock tells nobody who sleeps on it
            await asyncio.sleep(0.001)
        assert not trying.done()
        desk.clock.tick(5)
        return await trying

    assert asyncio.run(from_somewhere()).token
    assert desk.sign_in("ines")


@pytest.mark.requirement("ASVS-2.4.1")
def test_one_address_waits_with_a_few_attempts_only() -> None:
    throttle = Throttle(Failures(FakeClock()))
    places = [throttle.waiting("192.0.2.1") for _ in range(8)]
    for place in places:
        place.__enter__()
    with pytest.raises(Throttled), throttle.waiting("192.0.2.1"):
        pass
    with throttle.waiting("192.0.2.2"):
        pass
    places[0].__exit__(None, None, None)
    with throttle.waiting("192.0.2.1"):
        pass


@pytest.mark.requirement("ASVS-6.5.1")
def test_a_second_factor_opens_once_with_each_code(desk: Any) -> None:
    account = desk.add("ines")
    secret, uri = desk.identity.factor.offer("ines")
    assert uri.startswith("otpauth://totp/steersman:ines?")
    with desk.ports.database.transaction() as transaction:
        recoveries = desk.identity.factor.switch_on(transaction, account.id, secret)
    code = pyotp.TOTP(secret).at(desk.identity.now_ms() // 1000)
    assert desk.sign_in("ines", code=code)
    for wrong in (code, "", "000000x", code + "0"):
        with pytest.raises(Unauthenticated):
            desk.sign_in("ines", code=wrong)
    desk.clock.tick(30)
    assert desk.sign_in("ines", code=pyotp.TOTP(secret).at(desk.identity.now_ms() // 1000))
    assert desk.sign_in("ines", code=recoveries[0].lower())
    with pytest.raises(Unauthenticated):
        desk.sign_in("ines", code=recoveries[0])


@pytest.mark.requirement("ASVS-11.3.3")
def test_the_shared_secret_is_sealed_and_bound_to_its_account(desk: Any) -> None:
    """Neither the database alone nor a row that was copied to another account opens anything."""
    ines, otto = desk.add("ines"), desk.add("otto")
    secret, _ = desk.identity.factor.offer("ines")
    with desk.ports.database.transaction() as transaction:
        desk.identity.factor.switch_on(transaction, ines.id, secret)
        row = accounts.row_of(transaction, "ines")
        assert secret.encode() not in row.totp
        accounts.change_account(transaction, otto.id, totp=row.totp)
    code = pyotp.TOTP(secret).at(desk.identity.now_ms() // 1000)
    with pytest.raises(Permanent, match="restore both from one backup"):
        desk.sign_in("otto", code=code)


@pytest.mark.requirement("ASVS-6.3.1")
def test_addresses_that_guess_share_a_few_places_and_leave_the_rest_to_others() -> None:
    """A botnet of failing addresses fills its own places; whoever mistyped once still gets one."""
    throttle = Throttle(Failures(FakeClock()))
    for number in range(100):
        for _ in range(5):
            throttle.failed("ines", f"198.51.100.{number}")
    throttle.failed("otto", "192.0.2.1")
    with ExitStack() as stack:
        for number in range(32):
            stack.enter_context(throttle.waiting(f"198.51.100.{number}"))
        with pytest.raises(Throttled), throttle.waiting("198.51.100.99"):
            pass
        with throttle.waiting("192.0.2.1"):
            pass
    with throttle.waiting("198.51.100.99"):
        pass


def test_strangers_who_fill_the_queue_do_not_hold_up_a_person_at_their_usual_place(desk: Any) -> None:
    desk.add("ines")
    desk.sign_in("ines", address="192.0.2.7")
    desk.identity.login._strangers.waiting = 32
    with pytest.raises(Throttled):
        desk.sign_in("ines", address="203.0.113.9")
    assert desk.sign_in("ines", address="192.0.2.7").access


def test_a_crowd_of_new_addresses_fills_its_own_places_and_not_those_of_regulars() -> None:
    throttle = Throttle(Failures(FakeClock()))
    throttle.succeeded("ines", "192.0.2.1")
    with ExitStack() as stack:
        for number in range(96):
            stack.enter_context(throttle.waiting(f"198.51.100.{number}"))
        with pytest.raises(Throttled), throttle.waiting("203.0.113.9"):
            pass
        with throttle.waiting("192.0.2.1"):
            pass
