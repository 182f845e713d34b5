"""What administration changes, by what it is about; all of it within the same reach."""

from __future__ import annotations

from dataclasses import dataclass

from steersman.services.identity.store.groups import Groups
from steersman.services.identity.store.keys import Keys
from steersman.services.identity.store.people import People
from steersman.services.identity.store.roles import Roles


@dataclass(frozen=True, slots=True)
class Administration(People, Groups, Roles, Keys):
    """Changes accounts, groups, roles and keys on behalf of a caller."""
