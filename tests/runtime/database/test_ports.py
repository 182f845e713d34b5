"""What every Database and Journal promises; the fakes and both real databases run the same tests."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from steersman.contract.ports import Database, Journal, JournalEntry
from steersman.model.errors import Conflict, InvalidInput
from steersman.model.ids import DEFAULT_TENANT, Id, Tenant

House = tuple[Database, Journal]


def entry(number: int, **changes: Any) -> JournalEntry:
    plain = JournalEntry(
        id=Id(f"{number:036d}"),
        time_ns=number,
        tenant=DEFAULT_TENANT,
        actor="someone",
        type="thing.happened",
        subject="it",
    )
    return replace(plain, **changes)


def append(house: House, *entries: JournalEntry) -> None:
    database, journal = house
    with database.transaction() as transaction:
        journal.append(transaction, entries)


def test_a_committed_change_is_seen_by_the_next_reader(house: House) -> None:
    database, _ = house
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE thing (n INTEGER)"))
        connection.execute(text("INSERT INTO thing VALUES (1)"))
    with database.reading() as connection:
        assert connection.execute(text("SELECT n FROM thing")).scalar_one() == 1


def test_an_exception_leaves_nothing_behind(house: House) -> None:
    database, journal = house
    with suppress(ZeroDivisionError), database.transaction() as connection:
        connection.execute(text("CREATE TABLE thing (n INTEGER)"))
        journal.append(connection, [entry(1)])
        raise ZeroDivisionError
    with pytest.raises(DBAPIError), database.reading() as connection:
        connection.execute(text("SELECT n FROM thing"))
    assert journal.read() == []


def test_a_reader_cannot_write(house: House) -> None:
    database, _ = house
    with pytest.raises(DBAPIError), database.reading() as connection:
        connection.execute(text("CREATE TABLE thing (n INTEGER)"))


def test_a_writer_works_after_a_reader(house: House) -> None:
    database, _ = house
    for number in range(3):
        with database.reading() as connection:
            connection.execute(text("SELECT 1"))
        with database.transaction() as connection:
            connection.execute(text(f"CREATE TABLE thing_{number} (n INTEGER)"))


def test_entries_come_back_in_order_with_growing_numbers(house: House) -> None:
    append(house, entry(1), entry(2))
    append(house, entry(3, cause=entry(1).id, payload={"n": [1, None, "é\u0000"]}))
    found = house[1].read()
    assert [replace(one, seq=0) for one in found] == [
        entry(1),
        entry(2),
        entry(3, cause=entry(1).id, payload={"n": [1, None, "é\u0000"]}),
    ]
    assert 0 < found[0].seq < found[1].seq < found[2].seq


def test_a_cursor_continues_where_it_stopped(house: House) -> None:
    append(house, *(entry(number) for number in range(5)))
    seen, cursor = [], 0
    while page := house[1].read(after=cursor, limit=2):
        seen += [one.time_ns for one in page]
        cursor = page[-1].seq
    assert seen == [0, 1, 2, 3, 4]


def test_a_tenant_reads_only_its_own(house: House) -> None:
    append(house, entry(1), entry(2, tenant=Tenant("other")), entry(3))
    assert [one.time_ns for one in house[1].read(tenant=Tenant("other"))] == [2]
    assert [one.time_ns for one in house[1].read(tenant=DEFAULT_TENANT, limit=1)] == [1]


def test_nothing_to_append_is_fine(house: House) -> None:
    append(house)
    assert house[1].read() == []


def test_an_id_is_used_once_in_one_call(house: House) -> None:
    with pytest.raises(Conflict):
        append(house, entry(1), entry(1, time_ns=5))
    assert house[1].read() == []


def test_an_id_is_used_once_over_all_transactions(house: House) -> None:
    append(house, entry(1))
    with pytest.raises(Conflict):
        append(house, entry(2), entry(1, time_ns=5))
    assert [one.time_ns for one in house[1].read()] == [1]


@pytest.mark.parametrize(
    "bad",
    [
        {"payload": {"n": float("nan")}},
        {"payload": {"n": b"bytes"}},
        {"subject": "a\0b"},
        {"actor": "\ud800"},
        {"type": ""},
        {"time_ns": 2**63},
        {"time_ns": 1.5},
        {"id": Id("x" * 37)},
    ],
    ids=repr,
)
def test_an_entry_that_cannot_be_kept_everywhere_is_refused_as_a_whole(house: House, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        append(house, entry(1), entry(2, **bad))
    assert house[1].read() == []


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(house: House, limit: int) -> None:
    with pytest.raises(InvalidInput):
        house[1].read(limit=limit)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.dictionaries(st.text(), _json, max_size=4), time_ns=st.integers(-(2**63), 2**63 - 1))
def test_any_payload_comes_back_as_it_was(house: House, payload: dict[str, Any], time_ns: int) -> None:
    last = house[1].read(limit=100_000)
    append(house, entry(len(last), payload=payload, time_ns=time_ns))
    (found,) = house[1].read(after=last[-1].seq if last else 0)
    assert (found.payload, found.time_ns) == (payload, time_ns)
