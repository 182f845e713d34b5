"""Erasing a person destroys what the journal says about them, while every leaf, proof and signature stays as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steersman.contract.ports import JournalEntry
from steersman.engine.audit.shredding import ERASED
from steersman.model.errors import InvalidInput, Permanent
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.services.audit.store.subjects import MASTER_FILE, Subjects

SECRET = "203.0.113.7-is-where-ada-lives"


@pytest.fixture
def subjects(desk: Any) -> Subjects:
    desk.open()
    return Subjects.open(desk.database, desk.ports.ids, desk.folder)


def journal(desk: Any, subjects: Subjects, subject: str, tenant: Tenant = DEFAULT_TENANT) -> None:
    entry = JournalEntry(
        desk.ports.ids.new(), 5, tenant, "door", "login.refused", "login", {"address": SECRET, "reason": "password"}
    )
    with desk.database.transaction() as transaction:
        sealed = subjects.sealed(transaction, entry, subject, {"address"})
        desk.ports.journal.append(transaction, [sealed])


def told(desk: Any, subjects: Subjects) -> list[Any]:
    with desk.database.reading() as connection:
        return [one.payload["address"] for one in subjects.opened(connection, desk.ports.journal.read())]


def test_what_was_sealed_is_read_back_and_is_not_in_the_journal(desk: Any, subjects: Subjects) -> None:
    for subject in ("ada", "bob", "ada"):
        journal(desk, subjects, subject)
    assert told(desk, subjects) == [SECRET] * 3
    assert SECRET not in str(desk.ports.journal.read())


def test_an_erasure_destroys_one_subject_and_no_proof(desk: Any, subjects: Subjects) -> None:
    for subject in ("ada", "bob"):
        journal(desk, subjects, subject)
    desk.open().finish()
    assert subjects.erase(desk.database, DEFAULT_TENANT, "ada")
    erased, kept = told(desk, subjects)
    assert (erased.keys(), kept) == ({ERASED}, SECRET)
    assert desk.verdict().problem is None
    assert not subjects.erase(desk.database, DEFAULT_TENANT, "ada")


def test_a_subject_of_another_tenant_is_somebody_else(desk: Any, subjects: Subjects) -> None:
    journal(desk, subjects, "ada")
    journal(desk, subjects, "ada", Tenant("other"))
    subjects.erase(desk.database, Tenant("other"), "ada")
    assert told(desk, subjects)[0] == SECRET


def test_who_comes_back_after_an_erasure_gets_another_key(desk: Any, subjects: Subjects) -> None:
    journal(desk, subjects, "ada")
    subjects.erase(desk.database, DEFAULT_TENANT, "ada")
    journal(desk, subjects, "ada")
    erased, new = told(desk, subjects)
    assert (erased.keys(), new) == ({ERASED}, SECRET)


def test_a_sealed_value_in_another_row_cannot_be_read(desk: Any, subjects: Subjects) -> None:
    journal(desk, subjects, "ada")
    (entry,) = desk.ports.journal.read()
    moved = replace(entry, id=desk.ports.ids.new())
    with desk.database.reading() as connection, pytest.raises(InvalidInput, match="changed, moved"):
        subjects.opened(connection, [moved])


def test_the_table_of_keys_names_nobody_and_holds_no_key_in_the_clear(desk: Any, subjects: Subjects) -> None:
    """Without the file in the data directory, a copy of the database opens nothing."""
    journal(desk, subjects, "ada")
    with desk.database.reading() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM audit_subject_keys").all()
    assert "ada" not in str(row)
    assert (desk.folder / MASTER_FILE).stat().st_mode & 0o777 == 0o600
    (desk.folder / MASTER_FILE).unlink()
    with pytest.raises(Permanent, match="restore this file from a backup"):
        Subjects.open(desk.database, desk.ports.ids, desk.folder)
