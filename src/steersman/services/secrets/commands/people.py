"""`steersman secrets import-accounts`: people of another system come with the hash of their password.

Each line of the file is `NAME HASH`, with a hash by PBKDF2 of Django, Werkzeug or passlib. The accounts hold no role
but those that are named here. A hash is replaced by Argon2id at the first sign-in; until then it is as good as where it
comes from. It is done on the stopped platform, by whoever may read its files, and all of it or nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steersman.contract.ports import JournalEntry
from steersman.model.errors import InvalidInput
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.identity import accounts, tables
from steersman.runtime.identity.names import checked_name
from steersman.runtime.ids import RandomIds
from steersman.runtime.keys.imported import foreign_hash
from steersman.services.secrets.commands.ceremony import Data, Url, stopped
from steersman.services.secrets.commands.imports import lines_of

_MS = 1_000_000


def take(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lines of NAME HASH.")],
    role: Annotated[list[str] | None, typer.Option("--role", help="A standing role for all of them.")] = None,
    data: Data = Path("data"),
    database: Url = None,
) -> None:
    """Add the accounts; raises `InvalidInput` with the line that is wrong, and then none is added."""
    people = [_person(number, line) for number, line in enumerate(lines_of(file), 1)]
    clock = SystemClock()
    ids, now, roles = RandomIds(clock), clock.wall_ns(), tuple(sorted(set(role or ())))
    with stopped(data, database) as store:
        migrate(store, [HOUSE_LINEAGE, tables.LINEAGE])
        with store.transaction() as transaction:
            for name, stored in people:
                made = accounts.Account(
                    ids.new(), DEFAULT_TENANT, name, "", accounts.Kind.PERSON, False, now // _MS, roles
                )
                accounts.add_account(transaction, made, stored)
                # Without the name: the journal finds people by their ids.
                told = {"roles": list(roles), "imported": True}
                entry = JournalEntry(
                    ids.new(), now, DEFAULT_TENANT, "steersman", "identity.account.added", made.id, told
                )
                SqlJournal(store).append(transaction, [entry])
    typer.echo(f"{len(people)} accounts are added")


def _person(number: int, line: str) -> tuple[str, str]:
    name, _, stored = line.partition(" ")
    try:
        form = checked_name(name)
    except InvalidInput as error:
        raise InvalidInput(f"line {number}: {error.message}; nothing was imported") from None
    if foreign_hash(stored) is None:
        raise InvalidInput(f"line {number}: this is no hash by PBKDF2 that can be read; nothing was imported")
    return form, stored
