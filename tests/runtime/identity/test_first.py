"""Whether there is somebody who administers: by themselves or by a group, and nobody by somebody else's group."""

from __future__ import annotations

from typing import Any

import pytest

from steersman.model.ids import DEFAULT_TENANT, Id, Tenant
from steersman.runtime.identity import accounts, groups
from steersman.runtime.identity.accounts import Kind
from steersman.runtime.identity.first import has_admin
from steersman.runtime.identity.groups import Group


def _is_administered(desk: Any, tenant: Tenant = DEFAULT_TENANT) -> bool:
    with desk.ports.database.reading() as connection:
        return has_admin(connection, tenant)


def _group(desk: Any, *members: str, role: str = "admin") -> None:
    with desk.ports.database.transaction() as transaction:
        made = Group(Id(desk.ports.ids.new()), DEFAULT_TENANT, "bosses", (role,), members)
        groups.save_group(transaction, made)


def test_somebody_administers_by_a_role_or_by_a_group_of_their_own(desk: Any) -> None:
    desk.add("ines", "viewer", password=None)
    assert not _is_administered(desk)
    _group(desk, "ines")
    assert _is_administered(desk)


@pytest.mark.requirement("ASVS-8.2.2")
def test_nobody_administers_by_the_group_of_somebody_who_is_not_let_in(desk: Any) -> None:
    """Else the last administrator could be put out, as long as any group anywhere held the role."""
    desk.add("ines", "viewer", password=None)
    robot = desk.add("robot", password=None, kind=Kind.SERVICE)
    gone = desk.add("gone", password=None)
    _group(desk, "robot", "gone")
    with desk.ports.database.transaction() as transaction:
        accounts.change_account(transaction, gone.id, disabled=True)
    assert robot.kind is Kind.SERVICE
    assert not _is_administered(desk)
    assert not _is_administered(desk, Tenant("another"))
