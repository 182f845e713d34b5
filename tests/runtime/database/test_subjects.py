"""The journal names nobody in the clear, and erasing a person destroys what it says about them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock, SeededIds
from steersman.contract.ports import Caller, JournalEntry
from steersman.model.errors import InvalidInput, Permanent
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.shredding import ERASED, SEALED
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.database.subjects import MASTER_FILE, SealedSubjects

ADDRESS = "203.0.113.7"
ACCOUNTS = {"ada": "0000-ada", "bob": "0000-bob"}
OFFICER = Caller("officer", account="0000-officer")


class People:
    """Two accounts."""

    def ids(self, _connection: Any, known: Iterable[str]) -> Mapping[str, str]:
        return {name: ACCOUNTS[name] for name in known if name in ACCOUNTS}

    def names(self, _connection: Any, ids: Iterable[str]) -> Mapping[str, str]:
        return {known: name for name, known in ACCOUNTS.items() if known in set(ids)}


@dataclass
class Desk:
    database: SqlDatabase
    folder: Path
    ids: SeededIds

    @property
    def subjects(self) -> SealedSubjects:
        return SealedSubjects.open(self.database, self.ids, FakeClock(), self.folder, People())

    @property
    def journal(self) -> SqlJournal:
        return SqlJournal(self.database, self.subjects)

    def entry(self, subject: str, tenant: Tenant = DEFAULT_TENANT, actor: str = "nobody", **more: Any) -> JournalEntry:
        payload = {"address": ADDRESS, "reason": "password", **more}
        return JournalEntry(self.ids.new(), 5, tenant, actor, "identity.login.refused", subject, payload)

    def tell(self, *entries: JournalEntry) -> None:
        self.journal.record(entries)

    def told(self) -> list[JournalEntry]:
        return self.subjects.opened(self.journal.read())


@pytest.fixture
def desk(database: SqlDatabase, tmp_path: Path) -> Desk:
    return Desk(database, tmp_path, SeededIds())


def kept(desk: Desk) -> str:
    """Everything that the table holds, as text."""
    with desk.database.reading() as connection:
        return str(connection.exec_driver_sql("SELECT * FROM journal").all())


@pytest.mark.requirement("GDPR-32")
def test_what_is_personal_is_read_back_and_is_not_in_the_journal(desk: Desk) -> None:
    given = [desk.entry("0000-ada", actor="ada", agent="Firefox of Ada"), desk.entry("0000-bob", actor="bob")]
    desk.tell(*given)
    assert [replace(one, seq=0) for one in desk.told()] == given
    assert all(secret not in kept(desk) for secret in (ADDRESS, "Firefox", "'ada'", "'bob'"))


def test_an_actor_is_the_id_of_an_account_and_a_word_that_is_none_stays(desk: Desk) -> None:
    desk.tell(*(desk.entry("0000-ada", actor=actor) for actor in ("ada", "steersman", "somebody")))
    assert [one.actor for one in desk.journal.read()] == ["0000-ada", "steersman", "somebody"]


def test_members_are_ids_and_read_back_as_names(desk: Desk) -> None:
    desk.tell(desk.entry("staff", members=["ada", "bob"]))
    assert desk.journal.read()[0].payload["members"] == ["0000-ada", "0000-bob"]
    assert desk.told()[0].payload["members"] == ["ada", "bob"]


def test_an_address_as_the_subject_is_a_pseudonym_that_stays_the_same(desk: Desk) -> None:
    desk.tell(desk.entry(ADDRESS), desk.entry("unknown"), desk.entry("198.51.100.2"))
    one, same, other = (entry.subject for entry in desk.journal.read())
    assert one == same != other
    assert one.startswith("address-")
    assert ADDRESS not in kept(desk)
    assert [entry.payload["address"] for entry in desk.told()] == [ADDRESS] * 3


@pytest.mark.requirement("GDPR-17")
def test_an_erasure_destroys_what_is_said_of_one_subject_and_is_journalled_once_each(desk: Desk) -> None:
    desk.tell(desk.entry("0000-ada"), desk.entry("0000-bob"))
    assert desk.subjects.erase(OFFICER, "0000-ada")
    assert not desk.subjects.erase(OFFICER, "0000-ada")
    erased, other, first, second = desk.told()
    assert (erased.payload["address"].keys(), other.payload["address"]) == ({ERASED}, ADDRESS)
    assert [(one.type, one.actor, one.subject, one.payload["destroyed"]) for one in (first, second)] == [
        ("audit.subject.erased", "0000-officer", "0000-ada", destroyed) for destroyed in (True, False)
    ]


def test_a_subject_of_another_tenant_is_somebody_else(desk: Desk) -> None:
    desk.tell(desk.entry("0000-ada"), desk.entry("0000-ada", Tenant("other")))
    desk.subjects.erase(replace(OFFICER, tenant=Tenant("other")), "0000-ada")
    assert [type(one.payload.get("address")) for one in desk.told()[:2]] == [str, dict]


def test_who_comes_back_after_an_erasure_gets_another_key(desk: Desk) -> None:
    desk.tell(desk.entry("0000-ada"))
    desk.subjects.erase(OFFICER, "0000-ada")
    desk.tell(desk.entry("0000-ada"))
    erased, _, new = desk.told()
    assert (erased.payload["address"].keys(), new.payload["address"]) == ({ERASED}, ADDRESS)


@pytest.mark.requirement("GDPR-15")
def test_an_export_has_what_was_said_of_somebody_and_by_them_and_nothing_else(desk: Desk) -> None:
    desk.tell(
        desk.entry("0000-ada"),
        desk.entry("0000-bob", actor="ada"),
        desk.entry("session-1", account="0000-ada"),
        desk.entry("0000-bob"),
        desk.entry("staff", members=["ada"]),
        desk.entry("0000-ada", Tenant("other")),
    )
    found = list(desk.subjects.entries(DEFAULT_TENANT, "0000-ada"))
    assert [one.seq for one in found] == [1, 2, 3, 5]
    assert all(one.payload["address"] == ADDRESS for one in found)


def test_a_sealed_value_in_another_row_cannot_be_read(desk: Desk) -> None:
    desk.tell(desk.entry("0000-ada"))
    (entry,) = desk.journal.read()
    with pytest.raises(InvalidInput, match="changed, moved"):
        desk.subjects.opened([replace(entry, id=desk.ids.new())])


def test_what_looks_sealed_already_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="is to be sealed holds"):
        desk.tell(desk.entry("0000-ada", more={SEALED: {"key": "x", "content": ""}}))


def test_lines_that_are_read_back_to_go_on_with_work_are_left_as_they_are(desk: Desk) -> None:
    entry = JournalEntry(desk.ids.new(), 5, DEFAULT_TENANT, "ada", "action.requested", "a.b", {"address": ADDRESS})
    desk.tell(entry)
    assert desk.journal.read()[0].payload == {"address": ADDRESS}


@pytest.mark.requirement("ASVS-11.2.1")
def test_the_table_of_keys_names_nobody_and_holds_no_key_in_the_clear(desk: Desk) -> None:
    """Without the file in the data directory, a copy of the database opens nothing."""
    desk.tell(desk.entry("0000-ada-lovelace"))
    with desk.database.reading() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM journal_subjects").all()
    # A shorter word would turn up in random bytes now and then.
    assert "ada-lovelace" not in str(row)
    assert (desk.folder / MASTER_FILE).stat().st_mode & 0o777 == 0o600
    (desk.folder / MASTER_FILE).unlink()
    with pytest.raises(Permanent, match="restore this file from a backup"):
        _ = desk.subjects


def test_a_wrapping_key_that_others_can_read_stops_the_start(desk: Desk) -> None:
    _ = desk.subjects
    (desk.folder / MASTER_FILE).chmod(0o644)
    with pytest.raises(Permanent, match="chmod 600"):
        _ = desk.subjects


def test_an_event_loop_goes_on_while_facts_are_recorded(desk: Desk) -> None:
    """Three hundred callers at once, of one loop, and each is told about its own entry."""
    given = [desk.entry("0000-ada", n=number) for number in range(300)]
    journal = desk.journal

    async def all_at_once() -> list[BaseException | None]:
        again = [*given, given[7]]
        return await asyncio.gather(*(journal.recorded([one]) for one in again), return_exceptions=True)

    failures = [one for one in asyncio.run(all_at_once()) if one is not None]
    assert [type(one).__name__ for one in failures] == ["Conflict"]
    assert sorted(one.payload["n"] for one in desk.journal.read(limit=1_000)) == list(range(300))
