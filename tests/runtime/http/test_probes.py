"""A caller who tries one object after the other is told once; one who asks for the same again is not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.runtime.http.test_places import Noted

from steersman.contract.fakes import FakeClock
from steersman.contract.ports import Caller
from steersman.runtime.http import probes as probes_module
from steersman.runtime.http.probes import Probes
from steersman.runtime.http.scope import CALLER, TEMPLATE

INES = Caller("ines", account="a-1", session="s-1")


class Asking:
    def __init__(self) -> None:
        self.clock, self.noted = FakeClock(), Noted()
        self.probes = Probes(self.clock, self.noted)

    def __call__(self, path: str, status: int = 403, template: str = "/things/{id}", caller: Any = INES) -> None:
        scope = {CALLER: caller, TEMPLATE: template, "path": path, "client": ("192.0.2.1", 1)}
        self.probes.refused(scope, status)


@pytest.mark.requirement("ASVS-16.3.2", "SOC2-CC7.2")
@pytest.mark.parametrize("status", [403, 404])
def test_thirty_different_objects_within_minutes_are_told_once(status: int) -> None:
    asking = Asking()
    for number in range(200):
        asking(f"/things/{number}", status)
    (told,) = asking.noted.told
    assert (told["type"], told["account"], told["objects"]) == ("security.objects.probed", "a-1", 30)


def test_the_same_few_objects_and_slow_work_are_nothing() -> None:
    """A page that lost a permission polls; a person follows dead links now and then."""
    asking = Asking()
    for number in range(500):
        asking(f"/things/{number % 8}")
    for number in range(100):
        asking.clock.tick(11)
        asking(f"/things/{number}", 404)
    assert not asking.noted.told


def test_a_path_that_leads_to_no_object_is_not_counted_as_one() -> None:
    """A browser asks for icons; and whoever nobody knows is counted by address elsewhere."""
    asking = Asking()
    for number in range(100):
        asking(f"/nothing/{number}", 404, "unmatched")
        asking(f"/things/{number}", caller=None)
    assert not asking.noted.told


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes_module, "_REMEMBERED", 3)
    asking = Asking()
    for number in range(10):
        asking("/things/1", caller=Caller(f"p{number}", account=f"a-{number}"))
    assert len(asking.probes._tried) == 3
