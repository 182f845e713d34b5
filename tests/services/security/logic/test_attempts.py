from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from steersman.services.security.logic.attempts import Advice, Guessing, Suspicion, judged
from steersman.services.security.model import Attempt, AttemptLimits, Failures

LIMITS = AttemptLimits()


def _after(attempts: Iterable[Attempt]) -> tuple[Failures, Suspicion]:
    state, last = Failures(), Suspicion(Guessing.NOTHING, Advice.NOTHING, "")
    for attempt in attempts:
        state, last = judged(state, attempt, LIMITS)
    return state, last


def _failure(at: float, account: str = "ann", address: str = "192.0.2.1") -> Attempt:
    return Attempt(at, account, address, succeeded=False)


def test_a_person_who_mistypes_a_few_times_is_not_suspected() -> None:
    assert _after(_failure(second) for second in range(4))[1].guessing is Guessing.NOTHING


def test_many_tries_from_one_address_at_one_account_are_brute_force() -> None:
    found = _after(_failure(second) for second in range(5))[1]
    assert (found.guessing, found.advice) == (Guessing.BRUTE_FORCE, Advice.REFUSE_ADDRESS)
    assert "5 failures from 192.0.2.1" in found.reason


def test_many_accounts_from_one_address_are_credential_stuffing() -> None:
    found = _after(_failure(second, account=f"user{second}") for second in range(8))[1]
    assert (found.guessing, found.advice) == (Guessing.CREDENTIAL_STUFFING, Advice.REFUSE_ADDRESS)


def test_an_account_that_is_guessed_from_everywhere_is_slowed_and_never_locked() -> None:
    found = _after(_failure(second, address=f"198.51.100.{second}") for second in range(50))[1]
    assert (found.guessing, found.advice) == (Guessing.BRUTE_FORCE, Advice.SLOW_DOWN)


def test_failures_that_left_the_window_count_no_more() -> None:
    far_apart = (_failure(number * LIMITS.window_seconds) for number in range(20))
    state, found = _after(far_apart)
    assert found.guessing is Guessing.NOTHING
    assert len(state.kept) == 1


def test_a_success_forgets_only_that_account_from_that_address() -> None:
    tries = [_failure(1), _failure(2, account="bob"), Attempt(3, "ann", "192.0.2.1", succeeded=True)]
    assert [one.account for one in _after(tries)[0].kept] == ["bob"]


@given(st.lists(st.tuples(st.floats(0, 100), st.sampled_from("abc"), st.booleans()), max_size=60))
def test_nothing_but_an_address_is_ever_refused(tries: list[tuple[float, str, bool]]) -> None:
    state, at = Failures(), 0.0
    for number, (pause, account, succeeded) in enumerate(tries):
        at += pause
        state, found = judged(state, Attempt(at, account, f"10.0.0.{number}", succeeded=succeeded), LIMITS)
        assert found.advice is not Advice.REFUSE_ADDRESS
