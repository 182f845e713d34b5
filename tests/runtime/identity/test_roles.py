"""Standing roles follow from declarations."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steersman.app import HOUSE_PROVIDES
from steersman.runtime.identity.roles import beyond, granted, narrowed, standing_roles
from steersman.runtime.registry import discover

SERVICES = discover(house_provides=HOUSE_PROVIDES)
DECLARED = frozenset(permission for service in SERVICES for permission in service.permissions)
ROLES = standing_roles(SERVICES)


def test_roles_contain_each_other_as_their_names_say() -> None:
    assert ROLES["admin"] == {"*"}
    assert ROLES["guest"] == frozenset()
    assert ROLES["guest"] < ROLES["user"] < ROLES["viewer"] < ROLES["operator"] < DECLARED
    assert ROLES["viewer"] < ROLES["manager"] < DECLARED


def test_nobody_but_the_admin_defines_roles_and_no_operator_touches_accounts() -> None:
    """Whoever could change roles could give themselves anything."""
    assert not [role for role, held in ROLES.items() if "identity.roles.write" in held]
    assert not [permission for permission in ROLES["operator"] if permission.startswith("identity.")]


def test_no_operator_exports_or_erases_what_is_kept_about_people() -> None:
    about_people = [permission for permission in ROLES["operator"] if permission.startswith("privacy.")]
    assert {permission.rpartition(".")[2] for permission in about_people} == {"read"}


def test_a_viewer_only_reads() -> None:
    assert {permission.rpartition(".")[2] for permission in ROLES["viewer"]} == {"read"}


permissions = st.frozensets(st.sampled_from([*sorted(DECLARED)[:6], "*"]))


@given(permissions, permissions)
def test_a_scope_never_adds(own: frozenset[str], scopes: frozenset[str]) -> None:
    """What is left under scopes can be handed on by whoever narrowed it, and is within the scopes."""
    left = narrowed(own, scopes)
    assert not beyond(left, own)
    assert not beyond(left, scopes)


@given(permissions, permissions)
def test_what_is_handed_on_is_ones_own(wanted: frozenset[str], own: frozenset[str]) -> None:
    assert bool(beyond(wanted, own)) is not ("*" in own or wanted <= own)


def test_a_role_that_is_gone_grants_nothing() -> None:
    assert granted(["gone", "viewer"], ROLES, {}) == ROLES["viewer"]
    assert granted(["mine"], ROLES, {"mine": frozenset({"x.y.z"})}) == {"x.y.z"}
    assert granted(["viewer"], ROLES, {"viewer": frozenset({"*"})}) == ROLES["viewer"]
