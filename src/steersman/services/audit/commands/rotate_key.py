"""`steersman audit rotate-key`: a new key signs from now on, and the old one has signed that it does.

Older checkpoints stay good with the old key. The platform may run: it takes the new key up with its next checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steersman.model.errors import InvalidInput
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.ids import RandomIds
from steersman.runtime.keys.keyring import KeyRing
from steersman.runtime.keys.vault import wrapping_in
from steersman.services.audit.commands.verify import Data, Url
from steersman.services.audit.store.keys import PUBLIC_FILE, PURPOSE
from steersman.services.audit.store.rotating import rotate

_Config = Annotated[Path | None, typer.Option(help="The settings, where a vault wraps the root key.")]


def rotate_key(data: Data = Path("data"), database: Url = None, config: _Config = None) -> None:
    """Make a new signing key and let it take over."""
    if not (data / PUBLIC_FILE).exists():
        raise InvalidInput(f"{data} has no signing key yet: start the platform once, which makes the first one")
    store, clock = SqlDatabase(open_engine(database, data / "database")), SystemClock()
    try:
        ring = KeyRing.open(data / "secrets", store, clock, wrapping_in(config))
        key = rotate(store, SqlJournal(store), RandomIds(clock), clock, data, ring.file(PURPOSE))
    finally:
        store.close()
    typer.echo(f"The new key signs from now on: {key.text()}\nGive it to your auditors; the old one vouches for it.")
