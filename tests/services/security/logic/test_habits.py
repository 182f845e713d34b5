"""What of a sign-in an account never had. One new thing is nobody's fault."""

from __future__ import annotations

from steersman.services.security.logic.habits import Habits, SignIn
from steersman.services.security.logic.watching import Watching

NOON, DAY = 12 * 3600.0, 86_400.0
HOME, AWAY = "198.51.100.1", "203.0.113.7"


def days(count: int, agent: str = "Firefox/120.0") -> list[SignIn]:
    return [SignIn(number * DAY + NOON, HOME, agent) for number in range(count)]


def watching(known: list[SignIn], *, administers: bool = False) -> Watching:
    made = Watching()
    made.recall("ann", known, administers=administers)
    return made


def came(made: Watching, one: SignIn) -> list[str]:
    told = {"account": "ann", "address": one.address, "agent": one.agent}
    made.see("identity.session.begun", "s", told, one.at)
    return [suspect.reason for suspect in made.suspects(one.at)]


def test_an_administrator_from_a_new_network_with_a_new_program_is_told_from_the_second_sign_in_on() -> None:
    """Elsewhere that takes five known ones: most accounts are young and harmless."""
    strange = SignIn(DAY + NOON, AWAY, "curl/8")
    (reason,) = came(watching(days(1), administers=True), strange)
    assert reason == "a sign-in from a network and with a program that the account never had"
    assert not came(watching(days(1)), strange)
    assert came(watching(days(5)), SignIn(5 * DAY + NOON, AWAY, "curl/8"))


def test_a_program_that_renewed_itself_is_the_same_one() -> None:
    made = watching(days(6), administers=True)
    assert not came(made, SignIn(7 * DAY + NOON, AWAY, "Firefox/121.1"))
    assert not came(made, SignIn(8 * DAY + NOON, HOME, "curl/8"))


def test_an_hour_is_odd_only_with_history() -> None:
    night = SignIn(9 * DAY + 3 * 3600, AWAY, "Firefox/120.0")
    assert not came(watching(days(2), administers=True), night)
    assert came(watching(days(6)), night)


def test_who_was_never_seen_has_no_habits_to_break() -> None:
    assert not came(Watching(), SignIn(NOON, AWAY, "curl/8"))


def test_what_is_remembered_of_an_account_is_bounded() -> None:
    habits = Habits()
    for number in range(1000):
        habits.take(SignIn(number, f"10.0.{number // 250}.{number % 250}", "x" * (number % 300)))
    assert max(len(habits.networks), len(habits.programs)) == 200
