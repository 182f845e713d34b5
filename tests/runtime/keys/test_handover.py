"""Second factors from before there was a ring open as they did, and rotation renews them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import fake_ports
from steersman.contract.ports import Sealing, Secrets
from steersman.model.errors import Permanent
from steersman.runtime.identity import sealing
from steersman.runtime.keys.renewal import Renewal

DERIVATION = bytes(32)


@pytest.fixture
def accounts(desk: Any) -> Any:
    """Two accounts whose secrets were sealed by the version before."""
    with desk.database.transaction() as transaction:
        transaction.exec_driver_sql("CREATE TABLE identity_accounts (id TEXT PRIMARY KEY, totp BLOB)")
        old = sealing.totp_column(DERIVATION, fake_ports(desk.folder))
        for name in ("ines", "jo"):
            transaction.exec_driver_sql("INSERT INTO identity_accounts VALUES (?, ?)", (name, old.seal(name, b"JBSW")))
        transaction.exec_driver_sql("INSERT INTO identity_accounts VALUES ('none', NULL)")
    return desk


def kept(desk: Any) -> dict[str, bytes | None]:
    with desk.database.reading() as connection:
        return dict(connection.exec_driver_sql("SELECT id, totp FROM identity_accounts").all())


@pytest.mark.requirement("ASVS-11.2.2")
def test_what_was_there_before_the_ring_opens_and_is_renewed_online(accounts: Any, tmp_path: Path) -> None:
    ring = accounts.open()
    column = sealing.totp_column(DERIVATION, fake_ports(tmp_path, provided={Sealing: ring}))
    before = kept(accounts)
    assert column.open("ines", before["ines"]) == b"JBSW"
    assert Renewal(ring, accounts.database).run().unfinished is False
    after = kept(accounts)
    assert after["none"] is None
    assert [ring.marked["identity_accounts", "totp"].key_of(after[name]) for name in ("ines", "jo")] == [
        ring.ring.active.id
    ] * 2
    assert column.open("ines", after["ines"]) == b"JBSW"


def test_a_secret_of_one_account_does_not_open_in_another(accounts: Any, tmp_path: Path) -> None:
    """Neither in the layout of before nor in today's."""
    ring = accounts.open()
    column = sealing.totp_column(DERIVATION, fake_ports(tmp_path, provided={Sealing: ring}))
    for _ in range(2):
        with pytest.raises(Permanent):
            column.open("jo", kept(accounts)["ines"])
        Renewal(ring, accounts.database).run()


def test_a_client_secret_of_the_settings_is_looked_up_when_it_is_used(tmp_path: Path) -> None:
    """Before the service that keeps secrets has started, and without one, a text is what it says."""

    class Known:
        def reveal(self, reference: str) -> str:
            return f"value of {reference}"

    provided: dict[type, Any] = {}
    reveal = sealing.revealing(fake_ports(tmp_path, provided=provided))
    assert reveal("secret:oidc") == "secret:oidc"
    provided[Secrets] = Known()
    assert reveal("secret:oidc") == "value of secret:oidc"
