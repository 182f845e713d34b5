"""The same on PostgreSQL: keep, rotate while somebody writes, retire, remove."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.runtime.database.conftest import postgres_server as postgres_server  # noqa: PLC0414 - used here as well
from tests.runtime.database.conftest import postgres_url as postgres_url  # noqa: PLC0414 - likewise

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.contract.ports import Caller
from steersman.model.errors import Conflict
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.keys.keyring import KeyRing
from steersman.runtime.keys.renewal import Renewal
from steersman.runtime.logs import Logs
from steersman.services.secrets.model.wire import NewValue
from steersman.services.secrets.store.safe import Safe

INES = Caller("ines")


@pytest.mark.slow
@pytest.mark.needs("postgresql")
def test_secrets_outlive_rotation_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """A writer goes on through three rotations; two who give one new name at once do not tear anything."""
    database, clock = SqlDatabase(open_engine(postgres_url, tmp_path)), FakeClock()
    migrate(database, [HOUSE_LINEAGE])
    provided: dict[type, Any] = {KeyRing: KeyRing.open(tmp_path / "secrets", database, clock), Logs: Logs(clock)}
    ports = fake_ports(tmp_path, clock=clock, database=database, journal=SqlJournal(database), provided=provided)
    safe = Safe.open(ports)
    busy, ends = list[tuple[str, str]](), list[str]()

    def put(name: str, value: str) -> None:
        safe.put(INES, name, NewValue(value=SecretStr(value)))

    def write() -> None:
        for number in range(40):
            put("busy", f"value {number}")
            busy.append((safe.value(INES.tenant, "busy"), f"value {number}"))

    def race(value: str) -> None:
        try:
            put("new", value)
            ends.append(value)
        except Conflict:
            ends.append("lost")

    for number in range(60):
        put(f"s{number}", f"secret {number}")
    threads = [threading.Thread(target=write), *(threading.Thread(target=race, args=(f"v{n}",)) for n in range(4))]
    for thread in threads:
        thread.start()
    renewal = Renewal(safe.ring, database)
    for _ in range(3):
        safe.rotate(INES, safe.ring.ring.active.id)
        renewal.run()
    for thread in threads:
        thread.join()
    assert [pair for pair in busy if len(set(pair)) > 1] == []
    assert len(busy) == 40
    assert safe.value(INES.tenant, "new") in ends
    assert renewal.run().unfinished is False
    assert [safe.value(INES.tenant, f"s{n}") for n in range(60)] == [f"secret {n}" for n in range(60)]
    safe.remove(INES, "new")
    safe.settled(INES, renewal)
    safe.destroy(INES, safe.looking.retired[0])
    again = KeyRing.open(tmp_path / "secrets", database, clock)
    database.close()
    assert again.ring.active.id == safe.ring.ring.active.id
