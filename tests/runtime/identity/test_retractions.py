"""What one process takes away, the others on the database hear of within a second, and forget no more than that."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.identity.conftest import SERVICE, Desk

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.contract.ports import Caller, Database, Ports
from steersman.model.errors import Temporary, Unauthenticated
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.identity import retractions
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.retractions import About, Retraction, Retractions, retract
from steersman.runtime.identity.settings import IdentitySettings


def desk_on(folder: Path) -> Desk:
    """Open a process of its own: its own connections and memory, the same database and keys."""
    (folder / "database").mkdir(exist_ok=True)
    database, clock = SqlDatabase(open_engine(None, folder / "database")), FakeClock()
    migrate(database, [HOUSE_LINEAGE])
    ports: Ports = fake_ports(folder, clock=clock, database=database, journal=SqlJournal(database))
    return Desk(Identity.open(ports, [SERVICE], IdentitySettings()), ports, clock)


@pytest.mark.requirement("ASVS-7.4.1", "ASVS-8.3.2")
def test_a_session_that_ended_in_one_process_is_out_in_the_other_after_its_next_look(tmp_path: Path) -> None:
    one, two = desk_on(tmp_path), desk_on(tmp_path)
    one.add("ines", "viewer")
    token = one.sign_in("ines").access.encode()
    caller = two.identity.admission.check(token, "")
    one.identity.end_session(caller, caller.session, "signed out")
    assert two.identity.admission.known(token) is caller
    two.identity.retractions.catch_up()
    assert two.identity.admission.known(token) is None
    with pytest.raises(Unauthenticated):
        two.identity.admission.check(token, "")


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        (Retraction(About.EVERYBODY), set()),
        (Retraction(About.TENANT, "default"), set()),
        (Retraction(About.TENANT, "another"), {"ines", "otto"}),
        (Retraction(About.KEY, "k"), {"ines", "otto"}),
    ],
)
def test_whom_a_retraction_reaches_is_forgotten_and_nobody_else(tmp_path: Path, taken: Any, left: set[str]) -> None:
    one, two = desk_on(tmp_path), desk_on(tmp_path)
    tokens = {}
    for name in ("ines", "otto"):
        one.add(name, "viewer")
        tokens[name] = one.sign_in(name).access.encode()
        two.identity.admission.check(tokens[name], "")
    with one.ports.database.transaction() as transaction:
        retract(transaction, taken)
    two.identity.retractions.catch_up()
    assert {name for name, token in tokens.items() if two.identity.admission.known(token)} == left


def test_what_was_rolled_back_is_told_to_nobody(tmp_path: Path) -> None:
    desk, heard = desk_on(tmp_path), list[Any]()
    listening = Retractions(desk.ports.database, heard.append)
    with contextlib.suppress(KeyError), desk.ports.database.transaction() as transaction:
        retract(transaction, Retraction(About.EVERYBODY))
        raise KeyError
    listening.catch_up()
    assert not heard


def test_who_is_far_behind_forgets_everybody_and_the_table_stays_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retractions, "_KEPT", 3)
    one, two = desk_on(tmp_path), desk_on(tmp_path)
    one.add("ines", "viewer")
    token = one.sign_in("ines").access.encode()
    two.identity.admission.check(token, "")
    for number in range(10):
        with one.ports.database.transaction() as transaction:
            retract(transaction, Retraction(About.KEY, str(number)))
    with one.ports.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM identity_retractions").scalar() == 3
    two.identity.retractions.catch_up()
    assert two.identity.admission.known(token) is None


def test_two_who_take_away_at_once_are_both_heard(tmp_path: Path) -> None:
    """None is given a version that another one is committed after."""
    desks, heard = [desk_on(tmp_path) for _ in range(2)], set[str]()
    listening = Retractions(
        desks[0].ports.database, lambda reaches: heard.update(n for n in names if reaches(callers[n]))
    )
    names = [f"{which}{number}" for which in (0, 1) for number in range(20)]
    callers = {name: Caller(name, session=name) for name in names}

    def take(which: int) -> None:
        for number in range(20):
            with desks[which].ports.database.transaction() as transaction:
                retract(transaction, Retraction(About.SESSION, f"{which}{number}"))

    threads = [threading.Thread(target=take, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        listening.catch_up()
    listening.catch_up()
    assert heard == set(names)


def test_while_the_database_is_away_nothing_happens(desk: Any) -> None:
    class Away:
        def reading(self) -> Any:
            raise Temporary("away")

    desk.add("ines", "viewer")
    token = desk.sign_in("ines").access.encode()
    desk.identity.admission.check(token, "")
    database: Database = Away()  # type: ignore[assignment] # it only has to be away
    desk.identity.retractions._database = database
    desk.identity.retractions.catch_up()
    assert desk.identity.admission.known(token)
