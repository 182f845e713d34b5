"""How a service says what it keeps about persons, so that they can be told, and so that it can be taken away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from steersman.contract.identifiers import Identifiers
from steersman.contract.ports import Context
from steersman.model.ids import Tenant

#: Article 6(1) of the GDPR, and article 13 of the PIPL by the nearest of them.
Basis = Literal["consent", "contract", "legal obligation", "legitimate interests"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account, as they were called when they asked. `also` is who they are at other houses.

    With `name_is_a_word` their name is not looked for in free text, where it would mostly be that word.
    """

    account: str
    name: str
    email: str
    tenant: Tenant
    also: tuple[str, ...] = ()
    name_is_a_word: bool = False

    @property
    def identifiers(self) -> Identifiers:
        """What names them in free text."""
        names = () if self.name_is_a_word else (self.name,)
        return Identifiers((self.account, self.email, *self.also), names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """When one kind of data ends without anybody's asking, unless `[privacy.keep_days]` says otherwise.

    `expire(context, before_ms, held, most)` takes away what is older, at most so many, and returns how many; it is
    called again while it returns `most`. It leaves alone what is of a person in `held`, because a legal hold keeps it.
    """

    days: float
    expire: Callable[[Context, int, tuple[Person, ...], int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """One kind of data about persons: what it is, why it is kept, on which basis and for how long.

    `export(context, person)` returns all of it as JSON. `erase(context, person)` takes it away and says in words what
    became of it; it may be called again, and after a kill it is. Without it, `stays` says why the data has to stay.
    `columns` are those of the database that hold it, as `table.column`; a whole table by its name alone.
    """

    name: str
    what: str
    purpose: str
    basis: Basis
    kept: str
    export: Callable[[Context, Person], Any]
    erase: Callable[[Context, Person], str] | None = None
    stays: str = ""
    retention: Retention | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.erase is None and not self.stays:
            raise TypeError(f"the personal data {self.name} is neither erased nor has a reason to stay")
