"""One life of a process that keeps, changes and removes secrets and rotates the keys over and over, until it is killed.

Usage: python -m steersman.services.secrets.commands.prove.victim FOLDER SEED [root]. What it acknowledges it prints,
one line of JSON each, after the change is durable and before the next begins: `{"name": ..., "value": ...}`, null for a
removal, and `{"key": ...}` for a rotation. Two threads write, one rotates and renews. With `root` it changes the root
key over and over instead, as a person does on a stopped platform: `{"shares": [...], "root": ...}` is what people were
shown, `{"root_in_charge": ...}` what took over.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from random import Random
from typing import Any

from pydantic import SecretStr

from steersman.contract.fakes import MemorySettings, fake_ports
from steersman.contract.ports import Caller
from steersman.model.errors import Conflict, Temporary
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.ids import RandomIds
from steersman.runtime.keys.keyring import KeyRing
from steersman.runtime.keys.new_root import change_root
from steersman.runtime.keys.renewal import Renewal
from steersman.runtime.keys.ring import fingerprint
from steersman.runtime.keys.shares import split
from steersman.runtime.logs import Logs
from steersman.services.secrets.model.wire import NewValue
from steersman.services.secrets.store.safe import Safe

CALLER = Caller("prover", permissions=frozenset({"*"}))
#: Names the database in the environment, where nobody else sees a password in it.
DATABASE = "STEERSMAN_DATABASE_URL"
WRITERS, NAMES = 2, 12


def opened(folder: Path, url: str | None = None) -> Safe:
    """Open ring, database and secrets as the platform does."""
    (folder / "database").mkdir(parents=True, exist_ok=True)
    clock = SystemClock()
    database = SqlDatabase(open_engine(url, folder / "database"))
    migrate(database, [HOUSE_LINEAGE])
    ring = KeyRing.open(folder / "secrets", database, clock)
    provided: dict[type, Any] = {KeyRing: ring, Logs: Logs(clock)}
    journal, ids = SqlJournal(database), RandomIds(clock)
    return Safe.open(
        fake_ports(
            folder,
            clock=clock,
            ids=ids,
            database=database,
            journal=journal,
            settings=MemorySettings(),
            provided=provided,
        )
    )


def told(**what: Any) -> None:
    """Acknowledge; a line is one write, so that it comes whole or not at all."""
    os.write(1, json.dumps(what).encode() + b"\n")


def write(safe: Safe, number: int, random: Random) -> None:
    """Change secrets that no other writer touches."""
    count = 0
    while True:
        name = f"w{number}-{random.randrange(NAMES)}"
        kept = {one.name for one in safe.names(CALLER)}
        if name in kept and random.randrange(4) == 0:
            told(begin=name, value=None)
            safe.remove(CALLER, name)
            told(name=name, value=None)
            continue
        count += 1
        value = f"value {count} of {name} {random.getrandbits(64):x}"
        told(begin=name, value=value)
        safe.put(CALLER, name, NewValue(value=SecretStr(value)))
        told(name=name, value=value)


def rotate(safe: Safe, random: Random) -> None:
    """Rotate, renew and scan, now and then destroy what is retired."""
    renewal = Renewal(safe.ring, safe.ports.database)
    while True:
        try:
            told(key=safe.rotate(CALLER, safe.ring.ring.active.id).active)
            while renewal.step():
                pass
            safe.settled(CALLER, renewal)
            for retired in safe.looking.retired[2:6]:
                safe.destroy(CALLER, retired)
        except (Conflict, Temporary):
            continue
        threading.Event().wait(random.uniform(0, 0.05))


def change_roots(folder: Path, url: str | None, random: Random) -> None:
    """Change the root key, and say what was shown to people before it takes over."""
    database, clock = SqlDatabase(open_engine(url, folder / "database")), SystemClock()

    def show(root: bytes) -> None:
        told(root=fingerprint(root), shares=[share.text() for share in split(root, 3, 2)])

    while True:
        told(root_in_charge=change_root(folder / "secrets", database, clock, None, show))
        # Each change makes a key, and the other lives have to renew and destroy what so many leave behind.
        threading.Event().wait(random.uniform(0, 0.15))


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    url = os.environ.get(DATABASE)
    safe = opened(folder, url)
    if sys.argv[3:] == ["root"]:
        told(ready=True)
        change_roots(folder, url, Random(seed))  # noqa: S311 - the moments of a proof, not a secret
    told(ready=True)
    for number in range(WRITERS):
        # The moments of a proof, not a secret.
        random = Random(seed * 10 + number)  # noqa: S311 - see above
        threading.Thread(target=write, args=(safe, number, random), daemon=True).start()
    rotate(safe, Random(seed))  # noqa: S311 - likewise


if __name__ == "__main__":
    main()
