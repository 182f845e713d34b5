"""Secrets are kept sealed, told at use, and stand nowhere else."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from steersman.contract.fakes import FakeClock
from steersman.contract.looking import looking_ports
from steersman.contract.ports import Caller, Secrets
from steersman.model.errors import InvalidInput, NotFound, Permanent, SteersmanError
from steersman.model.ids import Tenant
from steersman.services.secrets import jobs
from steersman.services.secrets.logic.references import Elsewhere, Named, parsed
from steersman.services.secrets.model.wire import LONGEST, NewValue

VALUE = "hunter2 and more of it"


@pytest.mark.requirement("ASVS-13.3.1")
def test_a_secret_is_told_at_use_and_is_nowhere_in_the_clear(desk: Any, tmp_path: Path) -> None:
    desk.put("token", VALUE)
    assert desk.reveal("secret:token") == VALUE
    assert desk.safe.shown(Caller("ines"), "token") == VALUE
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or VALUE.encode() not in path.read_bytes(), path
    assert VALUE not in str(desk.journal())
    assert [entry.type for entry in desk.journal()] == ["secrets.secret.set", "secrets.secret.shown"]


def test_a_text_that_is_no_reference_is_meant_as_it_is(desk: Any) -> None:
    for text in ("", "plain", "https://example.org", "Secret:x", "bearer secret:token"):
        assert desk.reveal(text) == text


@given(st.text(max_size=60))
def test_every_text_is_a_reference_a_plain_text_or_refused(text: str) -> None:
    for given_text in (text, f"secret:{text}", f"vault:{text}"):
        try:
            found = parsed(given_text)
        except InvalidInput:
            continue
        if isinstance(found, Named):
            assert f"secret:{found.name}" == given_text
        elif isinstance(found, Elsewhere):
            assert f"vault:{found.path}#{found.field}" == given_text
            assert ".." not in found.path.split("/")


@pytest.mark.parametrize("text", ["secret:", "secret:a b", "secret:../x", "vault:a", "vault:../a#b", "vault:/a#b",
                                  "vault:a//b#c", "vault:a#", "vault:a#b#c", "vault:a?x=1#b", "vault:a%2f..#b"])  # fmt: skip
def test_a_reference_that_climbs_or_hides_something_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parsed(text)


def test_a_missing_secret_names_the_next_step_and_a_missing_vault_as_well(desk: Any) -> None:
    with pytest.raises(Permanent, match="steersman secret set token"):
        desk.reveal("secret:token")
    with pytest.raises(Permanent, match=r"set \[secrets\.vault\]"):
        desk.reveal("vault:a/b#c")


def test_a_new_value_takes_the_place_of_the_old_one_and_a_removed_one_is_gone(desk: Any) -> None:
    desk.put("token", "first value")
    desk.put("token", "second value")
    assert [one.name for one in desk.safe.names(Caller("ines"))] == ["token"]
    assert desk.reveal("secret:token") == "second value"
    desk.safe.remove(Caller("ines"), "token")
    with pytest.raises(Permanent):
        desk.reveal("secret:token")
    with pytest.raises(NotFound):
        desk.safe.remove(Caller("ines"), "token")


@pytest.mark.requirement("ASVS-13.3.2")
def test_tenants_do_not_see_each_others_secrets(desk: Any) -> None:
    """Neither names nor values; and references of the settings mean the owner's own."""
    other = Caller("jo", Tenant("acme"))
    desk.put("token", VALUE, other)
    assert desk.safe.names(Caller("ines")) == []
    with pytest.raises(NotFound):
        desk.safe.shown(Caller("ines"), "token")
    with pytest.raises(Permanent):
        desk.reveal("secret:token")


@pytest.mark.parametrize("value", ["", "x" * (LONGEST + 1), "é" * (LONGEST // 2 + 1), "half \ud800 pair"])
def test_values_that_cannot_be_kept_are_refused_without_being_repeated(desk: Any, value: str) -> None:
    with pytest.raises((InvalidInput, ValidationError)) as refused:
        desk.put("token", value)
    assert not value or value not in str(refused.value)
    assert desk.safe.names(Caller("ines")) == []


@pytest.mark.requirement("ASVS-16.2.5")
def test_what_was_handed_out_is_hidden_from_logs_line_by_line(desk: Any) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        desk.safe.logs.configure("info", "json", desk.written)
        desk.put("key", "first line of it\nsecond line of it")
        logging.getLogger("somebody").warning("failed with %s", "second line of it")
        logging.getLogger("somebody").warning("body %r", {"x": "first line of it"})
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
    assert "line of it" not in desk.written.getvalue()
    assert desk.written.getvalue().count("(hidden)") == 2


def test_a_new_value_shows_in_no_repr(desk: Any) -> None:
    body = NewValue.model_validate({"value": VALUE})
    assert VALUE not in f"{body!r} {body} {body.model_dump()} {body.model_dump_json()}"


def test_a_preview_gets_no_secrets(desk: Any) -> None:
    from dataclasses import replace

    ports = replace(desk.ports, provided={**desk.ports.provided, **desk.safe.provided})
    with pytest.raises(SteersmanError, match="a preview changes nothing"):
        looking_ports(ports).get(Secrets)


@pytest.mark.requirement("ASVS-11.2.2", "ASVS-13.3.4")
def test_rotation_in_the_background_retires_the_old_key_and_journals_it(desk: Any) -> None:
    for number in range(60):
        desk.put(f"s{number}", f"value {number}")
    before = desk.safe.ring.ring.active.id
    told = desk.safe.rotate(Caller("ines"), before)
    assert desk.safe.rotate(Caller("ines"), before) == told, "whoever comes second changes nothing"
    assert desk.safe.view().left == 60
    asyncio.run(_until_settled(desk))
    view = desk.safe.view()
    assert (view.left, view.unfinished) == (0, False)
    assert [(key.state, key.values) for key in view.keys] == [("active", 60), ("retired", 0)]
    assert [entry.type for entry in desk.journal()][-2:] == ["secrets.key.rotated", "secrets.key.retired"]
    assert desk.reveal("secret:s7") == "value 7"


async def _until_settled(desk: Any) -> None:
    """Run the job until it waits for the next round."""
    clock: FakeClock = desk.ports.clock
    task = asyncio.ensure_future(jobs.renew(desk.context()))
    while desk.safe.view().unfinished or not clock._sleepers:  # noqa: ASYNC110 - the job runs in threads
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_reads_and_writes_go_on_during_rotation(desk: Any) -> None:
    """One thread writes and reads what it wrote, while another rotates five times; no value is ever lost or old."""
    from steersman.runtime.keys.renewal import Renewal

    wrong, stop, count = list[str](), threading.Event(), 0

    def use() -> None:
        nonlocal count
        while not stop.is_set():
            count += 1
            desk.put("token", f"value {count}")
            if (found := desk.reveal("secret:token")) != f"value {count}":
                wrong.append(found)

    thread = threading.Thread(target=use)
    thread.start()
    renewal = Renewal(desk.safe.ring, desk.ports.database)
    try:
        for _ in range(5):
            desk.safe.rotate(Caller("ines"), desk.safe.ring.ring.active.id)
            renewal.run()
    finally:
        stop.set()
        thread.join()
    assert wrong == []
    assert count > 3
    assert renewal.run().unfinished is False


def test_only_what_nothing_refers_to_is_destroyed(desk: Any) -> None:
    from steersman.runtime.keys.renewal import Renewal

    desk.put("token", VALUE)
    before = desk.safe.ring.ring.active.id
    with desk.ports.database.reading() as connection:
        stale = connection.exec_driver_sql("SELECT sealed FROM secrets_named").scalar_one()
    desk.safe.rotate(Caller("ines"), before)
    Renewal(desk.safe.ring, desk.ports.database).run()
    with desk.ports.database.transaction() as transaction:
        transaction.exec_driver_sql("UPDATE secrets_named SET sealed = ?", (stale,))
    with pytest.raises(InvalidInput, match="is previous"):
        desk.safe.destroy(Caller("ines"), before)
    Renewal(desk.safe.ring, desk.ports.database).run()
    assert [key.id for key in desk.safe.destroy(Caller("ines"), before).keys] != [before]
    assert desk.reveal("secret:token") == VALUE
