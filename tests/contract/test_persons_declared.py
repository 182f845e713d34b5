"""Every column that names a person is declared by whoever keeps it, in our tables and in those of a plug-in."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, MetaData, String, Table

from steersman.app import HOUSE_PROVIDES
from steersman.contract.declaring import persons_are_declared, undeclared
from steersman.contract.harness import NonConformance
from steersman.contract.personal import PersonalData
from steersman.contract.service import Service
from steersman.runtime.registry import discover

SERVICES = discover(house_provides=HOUSE_PROVIDES)


@pytest.mark.requirement("GDPR-30")
def test_nothing_in_the_database_of_a_platform_names_a_person_undeclared(open_harness: Any) -> None:
    """As the database itself describes its tables, so that one that nobody thought of is asked as well."""
    with open_harness(SERVICES) as harness:
        privacy = next(one for one in SERVICES if one.name == "privacy")
        known = MetaData()
        with harness.context(privacy).ports.database.reading() as connection:
            known.reflect(connection)
    assert len(known.tables) > 20
    assert undeclared(known.sorted_tables, SERVICES) == []
    there = {f"{table.name}.{column.name}" for table in known.sorted_tables for column in table.columns}
    there |= set(known.tables)
    declared = {name for one in SERVICES for kind in one.personal for name in kind.columns}
    assert declared | {name for one in SERVICES for name in one.impersonal} <= there, "nothing is declared that is gone"


@asynccontextmanager
async def lifespan(_ports: Any) -> Any:
    yield None


def plugged(*columns: Column[Any], **declared: Any) -> Service:
    """A plug-in whose module has one table."""
    module = ModuleType("guests.store")
    module.visits = Table("guests_visits", MetaData(), Column("id", String, primary_key=True), *columns)  # type: ignore[attr-defined]
    sys.modules["guests.store"] = module
    lifespan.__module__ = "guests.manifest"
    return Service(name="guests", help="Guests.", lifespan=lifespan, **declared)


@pytest.fixture(autouse=True)
def _forget_plug_in() -> Any:
    yield
    sys.modules.pop("guests.store", None)


@pytest.mark.parametrize(
    "name", ["email", "account", "account_id", "created_by", "ip", "actor", "first_name", "user_id"]
)
def test_a_plug_in_that_forgets_one_is_told_what_to_write(name: str) -> None:
    with pytest.raises(NonConformance, match=rf"guests_visits\.{name}: .*`columns`.*impersonal="):
        persons_are_declared(None, plugged(Column(name, String)), None)  # type: ignore[arg-type]


def test_a_foreign_key_to_accounts_names_somebody_whatever_it_is_called() -> None:
    key = Column("x", String, ForeignKey("identity_accounts.id"))
    with pytest.raises(NonConformance, match=r"guests_visits\.x"):
        persons_are_declared(None, plugged(key), None)  # type: ignore[arg-type]


def test_a_declaration_or_an_explanation_is_enough() -> None:
    kind = PersonalData(
        name="visits", what="", purpose="", basis="consent", kept="", export=lambda *_: [], stays="it is a test",
        columns=("guests_visits",),
    )  # fmt: skip
    service = plugged(Column("name", String), Column("size", String))
    persons_are_declared(None, replace(service, personal=(kind,)), None)  # type: ignore[arg-type]
    persons_are_declared(None, replace(service, impersonal={"guests_visits.name": "of a room"}), None)  # type: ignore[arg-type]


def test_a_table_that_holds_nobody_needs_no_word() -> None:
    persons_are_declared(None, plugged(Column("size", String), Column("state", String)), None)  # type: ignore[arg-type]
