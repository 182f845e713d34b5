"""What is alive at the start is walked over once, and nothing that dies later stays for ever."""

from __future__ import annotations

import gc
import weakref

from steersman.contract.fakes import FakeClock
from steersman.runtime.garbage import settled


class Knot:
    """An object that only the collector of cycles can free, once it is tied."""

    def __init__(self) -> None:
        self.other: Knot | None = None

    def tie(self) -> weakref.ref[Knot]:
        self.other = self
        return weakref.ref(self)


class Slow(FakeClock):
    """A clock on which every look takes ten milliseconds, so that every collection is a long one."""

    def monotonic(self) -> float:
        self.tick(0.01)
        return super().monotonic()


def test_what_is_alive_at_the_start_is_set_aside_and_what_comes_later_is_collected() -> None:
    with settled(FakeClock()):
        aside = gc.get_freeze_count()
        assert aside > 1000
        assert len(gc.get_objects()) < aside / 10
        later = Knot().tie()
        gc.collect()
        assert later() is None
    assert gc.get_freeze_count() == 0


def test_after_a_long_collection_its_survivors_are_set_aside_as_well() -> None:
    """Each object is in the way once."""
    with settled(Slow()):
        before, kept = gc.get_freeze_count(), [Knot() for _ in range(1000)]
        gc.collect()
        assert gc.get_freeze_count() >= before + len(kept)


def test_cycles_among_old_objects_are_freed_within_a_day() -> None:
    clock, knot = FakeClock(), Knot()
    with settled(clock):
        old = knot.tie()
        del knot
        gc.collect()
        assert old() is not None
        clock.tick(86_400)
        gc.collect()
        assert old() is None
