from __future__ import annotations

import pytest

from steersman.services.operations.commands.drill.criterion import Criterion, Wellbeing, served
from steersman.services.operations.commands.drill.mesh.load import Second
from steersman.services.operations.commands.drill.scenario import Check, Repaired

WANTED = Repaired(success=0.9, p95_ms=100)


def second(at: int = 1, ok: int = 20, failed: int = 0, p95: float = 20.0) -> Second:
    return Second(time_ms=at * 1000, sent=ok + failed, ok=ok, failed=failed, p95_ms=p95)


@pytest.mark.parametrize(
    ("seen", "lacking"),
    [
        (second(), ""),
        (second(ok=18, failed=2), ""),
        (second(ok=17, failed=3), "3 of 20 failed"),
        (second(p95=101.0), "p95 101 ms"),
        (second(ok=0), "nobody was served"),
        (second(ok=0, failed=9), "nobody was served"),
    ],
)
def test_customers_want_success_and_speed_in_each_second(seen: Second, lacking: str) -> None:
    assert served(seen, WANTED) == lacking


def checked(check: Check, *values: float | None) -> list[bool]:
    """What the criterion says of one second after another, with the value that the service shows in each."""
    shown = iter(values)

    def numbers(service: str) -> dict[str, float]:
        value = next(shown)
        if value is None:
            raise ConnectionRefusedError(service)
        return {check.metric: value}

    criterion = Criterion(WANTED.model_copy(update={"checks": (check,)}), numbers)
    return [criterion.look(second(at)).repaired for at in range(len(values))]


def test_a_service_has_to_show_its_number_on_the_right_side_of_the_limit() -> None:
    check = Check(service="worker", metric="queue_length", below=10)
    assert checked(check, 50.0, 9.0, None, 10.0) == [False, True, False, False]


def test_a_rate_is_what_a_counter_rose_by_in_a_second_also_after_a_restart() -> None:
    check = Check(service="worker", metric="jobs_processed_total", above=3, rate=True)
    assert checked(check, 100.0, 105.0, 106.0, 8.0) == [False, True, False, True]


def test_a_service_that_is_silent_three_times_in_a_row_is_harmed_once() -> None:
    answers = iter([True, False, False, True, False, False, False, False, True])
    wellbeing = Wellbeing(lambda service: next(answers), ("cache",))
    for _ in range(9):
        wellbeing.look()
    assert wellbeing.harmed == ["cache did not stay well"]
