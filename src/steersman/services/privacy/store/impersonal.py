"""Columns of the house's own tables that look as if they named somebody, and what they hold instead."""

from __future__ import annotations

from typing import Final

IMPERSONAL: Final[dict[str, str]] = {
    "identity_clients.name": "the name of a program of a third party",
    "identity_groups.name": "the name of a group of accounts",
    "identity_tenant_roles.name": "the name of a role",
}
