"""How a service says what it keeps about persons, so that they can be told, and so that it can be taken away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from steersman.contract.ports import Context
from steersman.model.ids import Tenant

#: Article 6(1) of the GDPR, and article 13 of the PIPL by the nearest of them.
Basis = Literal["consent", "contract", "legal obligation", "legitimate interests"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account, as they were called when they asked."""

    account: str
    name: str
    email: str
    tenant: Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """One kind of data about persons: what it is, why it is kept, on which basis and for how long.

    `export(context, person)` returns all of it as JSON. `erase(context, person)` takes it away and says in words what
    became of it; it may be called again. Without it, `stays` says why the data has to stay.
    """

    name: str
    what: str
    purpose: str
    basis: Basis
    kept: str
    export: Callable[[Context, Person], Any]
    erase: Callable[[Context, Person], str] | None = None
    stays: str = ""

    def __post_init__(self) -> None:
        if self.erase is None and not self.stays:
            raise TypeError(f"the personal data {self.name} is neither erased nor has a reason to stay")
