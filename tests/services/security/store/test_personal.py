"""A person is told the measures against their account, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.contract.fakes import fake_ports
from steersman.contract.personal import Person
from steersman.contract.ports import Caller, Context
from steersman.model.ids import Tenant
from steersman.services.security.model.measures import MeasureKind, MeasureView
from steersman.services.security.store import tables
from steersman.services.security.store.personal import export


@pytest.mark.requirement("GDPR-15")
def test_measures_against_the_account_are_told(tmp_path: Path) -> None:
    ports = fake_ports(tmp_path)
    tables.prepare(ports.database)
    with ports.database.transaction() as transaction:
        for number, target in enumerate(("mine", "another", "192.0.2.7")):
            one = MeasureView(
                id=str(number), kind=MeasureKind.LOCK, target=target, every_seconds=0, since_ms=1, until_ms=2
            )
            tables.add(transaction, one)
    context = Context(Caller("root", permissions=frozenset({"*"})), ports)
    told = export(context, Person("mine", "leocadia", "", Tenant("default")))
    assert [one["target"] for one in told] == ["mine"]
