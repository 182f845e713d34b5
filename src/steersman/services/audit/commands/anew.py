"""`steersman audit anew`: the way on when a key or the evidence itself is lost. It destroys nothing that was signed.

The old key, checkpoints and rows go into a folder of their own. The next start makes a new key, under another origin,
and builds the tree anew over the journal as it is now: what happened to it before is for the old evidence to tell.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steersman.model.errors import InvalidInput
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.datadir import DataDir
from steersman.services.audit.commands.verify import Url
from steersman.services.audit.store.anew import begin_anew

_Stopped = Annotated[Path, typer.Option(help="The data directory; the platform must be stopped.", metavar="DIR")]
_Sure = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def anew(*, data: _Stopped = Path("data"), database: Url = None, yes: _Sure = False) -> None:
    """Put the old evidence aside, so that the next start begins a new log with a new key."""
    if not (data / "database").is_dir():
        raise InvalidInput(f"{data} is no data directory of Steersman")
    if not yes:
        typer.confirm("Nobody will be able to extend the old log after this. Go on?", abort=True)
    directory = DataDir.open(data)
    try:
        store = SqlDatabase(open_engine(database, directory.database))
        try:
            aside = begin_anew(store, data, SystemClock().wall_ns())
        finally:
            store.close()
    finally:
        directory.close()
    typer.echo(f"The old evidence is in {aside}. The next start begins a new log: tell your auditors its public key.")
