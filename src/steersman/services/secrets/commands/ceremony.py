"""`steersman secrets shares|recover|rotate-root`: the root key, given to people in parts and taken back from them.

They read the data directory themselves, on the machine that has it: shares never travel over HTTP. Shares are printed
one after the other, each behind a key press, so that each person sees their own; `--all` prints them at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from steersman.contract.ports import JournalEntry
from steersman.model.errors import InvalidInput
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.datadir import DataDir
from steersman.runtime.ids import RandomIds
from steersman.runtime.keys.new_root import change_root
from steersman.runtime.keys.recovery import recover
from steersman.runtime.keys.ring import fingerprint
from steersman.runtime.keys.root import ROOT_FILE, read_root
from steersman.runtime.keys.shares import combine, read_all, split
from steersman.runtime.keys.vault import wrapping_in

#: Told before it happens; the subject is the fingerprint of the new root key.
ROOT_CHANGED = "secrets.root.changed"

Data = Annotated[Path, typer.Option(help="The data directory.", metavar="DIR")]
_Config = Annotated[Path | None, typer.Option(help="The settings, where a vault wraps the root key.")]
Url = Annotated[str | None, typer.Option("--database", help="The URL of the database; else SQLite in DIR.")]

_Of = Annotated[int, typer.Option(help="How many shares there are.")]
_Needed = Annotated[int, typer.Option(help="How many of them give the key back.")]
_All = Annotated[bool, typer.Option("--all", help="Print them at once, without waiting.")]


def shares(
    of: _Of = 5,
    needed: _Needed = 3,
    data: Data = Path("data"),
    config: _Config = None,
    all: _All = False,  # noqa: FBT002 - an option of a command
) -> None:
    """Print shares, each for one person to keep."""
    root = read_root(data / "secrets" / ROOT_FILE, wrapping_in(config))
    _hand_out(root, of, needed, at_once=all)
    typer.echo(
        f"The root key is {fingerprint(root)}. Before people part, `steersman secrets recover --check` with them.",
        err=True,
    )


def rotate_root(
    of: _Of = 5,
    needed: _Needed = 3,
    data: Data = Path("data"),
    config: _Config = None,
    database: Url = None,
    all: _All = False,  # noqa: FBT002 - an option of a command
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether everybody has their share.")] = False,  # noqa: FBT002 - an option of a command
) -> None:
    """Show the shares of another root key, each for one person, and let it take over: older shares open nothing."""
    clock = SystemClock()
    with stopped(data, database) as store:
        migrate(store, [HOUSE_LINEAGE])

        def show(root: bytes) -> None:
            _hand_out(root, of, needed, at_once=all)
            if not yes:
                typer.confirm(
                    "Does everybody have their share? The shares before open nothing then. Go on?", abort=True
                )
            ids, told = RandomIds(clock), {"shares": of, "needed": needed}
            entry = JournalEntry(
                ids.new(), clock.wall_ns(), DEFAULT_TENANT, "local", ROOT_CHANGED, fingerprint(root), told
            )
            # Before it happens, as every intent: a kill behind it leaves a word too many, never one too few.
            SqlJournal(store).record([entry])

        name = change_root(data / "secrets", store, clock, wrapping_in(config), show)
    typer.echo(
        f"The root key is {name} from now on: burn the shares of the one before. The next start renews what is sealed; "
        f"backups from before still open with the old shares, until they are gone.",
        err=True,
    )


def _hand_out(root: bytes, of: int, needed: int, *, at_once: bool) -> None:
    """Show one share after the other, each behind a key press where there is a person."""
    for share in split(root, of, needed):
        if not at_once and sys.stdin.isatty():
            typer.prompt(f"Press enter for share {share.number} of {of}, alone", default="", show_default=False)
            sys.stdout.write("\x1b[2J\x1b[H")
        typer.echo(f"Steersman recovery share {share.number} of {of}, {needed} needed, set {share.set_name}")
        typer.echo(f"{share.text()}\n")


def recover_ring(
    data: Data = Path("data"),
    config: _Config = None,
    database: Url = None,
    check: Annotated[bool, typer.Option("--check", help="Only say whether the shares give this root key.")] = False,  # noqa: FBT002 - an option of a command
) -> None:
    """Read shares from standard input, an empty line between two, and put back what is lost."""
    wrapping = wrapping_in(config)
    if check:
        given = combine(read_all(_typed()))
        if given != read_root(data / "secrets" / ROOT_FILE, wrapping):
            raise InvalidInput("these shares fit together and are of another root key than the one in use")
        typer.echo("the shares give the root key that is in use")
        return
    with stopped(data, database) as store:
        # Without shares the root key has to be whole, and only the ring is put back.
        given_root = combine(read_all(typed)) if (typed := _typed()) else None
        for words in recover(data / "secrets", store, given_root, wrapping):
            typer.echo(words)


def _typed() -> list[str]:
    """Return the shares that were typed; lines with words that no share has are headings."""
    if sys.stdin.isatty():
        typer.echo(
            "Type the shares, an empty line after each, and two empty lines at the end (none: just enter):", err=True
        )
    found, current, empty = list[str](), list[str](), 0
    for line in sys.stdin:
        empty = 0 if line.strip() else empty + 1
        if line.strip() and not line.lower().startswith("steersman recovery share"):
            current.append(line.strip())
        elif current:
            found.append(" ".join(current))
            current = []
        if empty > 1:
            break
    return [*found, " ".join(current)] if current else found


@contextmanager
def stopped(data: Path, url: str | None) -> Iterator[SqlDatabase]:
    """Hold the data directory, so that no platform runs on it, and open its database."""
    if not (data / "database").is_dir():
        raise InvalidInput(f"{data} is no data directory of Steersman")
    directory = DataDir.open(data)
    try:
        store = SqlDatabase(open_engine(url, directory.database))
        try:
            yield store
        finally:
            store.close()
    finally:
        directory.close()
