"""`steersman prove keys`: kill -9 amid writes of secrets and rotations of the keys, and look at what is left.

Every life is a process on the real disk with the real ring and database. What it acknowledged is kept here. After each
kill the ring has to open without help, every acknowledged secret has to have its last value (or the one that was under
way when the kill came), none that was removed may be back, and every value in the table has to open. In some lives the
root key is changed over and over: the one that took over last is in charge, or the one whose shares were shown when the
kill came; its shares give it back, and those of the ones before open nothing. At the end a whole rotation is carried
through, and nothing may refer to an older key.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer

from steersman.model.errors import InvalidInput, Permanent, SteersmanError
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.keys.recovery import recover
from steersman.runtime.keys.renewal import Renewal
from steersman.runtime.keys.ring import fingerprint
from steersman.runtime.keys.shares import combine, read_all
from steersman.services.secrets.commands.prove.victim import CALLER, DATABASE, opened

_EXAMPLES = 20
#: So many of the root keys before are tried after each kill.
_OLDER = 4
#: So many of a hundred lives are killed without waiting until they write.
_STARTING_PERCENT = 20
_ROOT_PERCENT = 30
_VICTIM = "steersman.services.secrets.commands.prove.victim"


@dataclass(slots=True)
class Run:
    """One folder, on which one life after the other is killed."""

    folder: Path
    random: Random
    url: str | None = None
    #: What was acknowledged, and what was begun and not acknowledged when the kill came.
    kept: dict[str, str | None] = field(default_factory=dict)
    begun: dict[str, str | None] = field(default_factory=dict)
    #: The shares of root keys by their fingerprints; the one in charge, and the one whose shares were shown last.
    shares: dict[str, list[str]] = field(default_factory=dict)
    root: str = ""
    root_begun: str = ""
    changes: int = 0
    rotations: int = 0
    roots: int = 0
    starting: int = 0
    wrong: list[str] = field(default_factory=list)

    def life(self, number: int) -> None:
        """Let one life write for a moment, kill it, and look."""
        command = [sys.executable, "-m", _VICTIM, str(self.folder), str(number)]
        if self.random.randrange(100) < _ROOT_PERCENT:
            command.append("root")
        environment = {name: value for name, value in os.environ.items() if name != DATABASE}
        if self.url is not None:
            environment[DATABASE] = self.url
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment}
        with subprocess.Popen(command, **pipes) as process:
            assert process.stdout is not None  # noqa: S101 - narrows the type: a pipe was asked for
            if self.random.randrange(100) < _STARTING_PERCENT:
                self.starting += 1
                threading.Event().wait(self.random.uniform(0, 1.0))
            else:
                process.stdout.readline()
                threading.Event().wait(self.random.uniform(0, 1.2))
            if process.poll() is not None:
                self.wrong.append(f"life {number} ended by itself with {process.returncode}")
            process.kill()
            for line in process.stdout:
                self._heard(line)
        self.look(number)

    def _heard(self, line: bytes) -> None:
        if not line.endswith(b"\n"):
            return
        told: dict[str, Any] = json.loads(line)
        if "begin" in told:
            self.begun[told["begin"]] = told["value"]
        elif "name" in told:
            self.kept[told["name"]] = told["value"]
            self.begun.pop(told["name"], None)
            self.changes += 1
        elif "key" in told:
            self.rotations += 1
        elif "shares" in told:
            self.shares[told["root"]], self.root_begun = told["shares"], told["root"]
        elif "root_in_charge" in told:
            self.root, self.roots = told["root_in_charge"], self.roots + 1

    def look(self, number: int) -> None:
        """Compare what is there with what was acknowledged."""
        try:
            safe = opened(self.folder, self.url)
        except SteersmanError as error:
            self.wrong.append(f"after kill {number} nothing opens: {error.message}")
            return
        try:
            found = {one.name: safe.value(CALLER.tenant, one.name) for one in safe.names(CALLER)}
        except SteersmanError as error:
            self.wrong.append(f"after kill {number} a value does not open: {error.message}")
            return
        finally:
            _close(safe.ports.database)
        for name in self.kept.keys() | found.keys() | self.begun.keys():
            allowed = {self.kept.get(name), self.begun[name]} if name in self.begun else {self.kept.get(name)}
            if found.get(name) not in allowed:
                self.wrong.append(f"after kill {number} {name} is {found.get(name)!r}, and {allowed!r} was told")
        self.kept, self.begun = dict(found), {}
        self._look_at_roots(number, safe.ring.root_key())

    def _look_at_roots(self, number: int, root: bytes) -> None:
        """Compare the root key with those that people were shown shares of."""
        name = fingerprint(root)
        if self.root and name not in {self.root, self.root_begun}:
            self.wrong.append(f"after kill {number} the root key is {name}, and {self.root} took over")
        if name in self.shares and combine(read_all(self.shares[name][:2])) != root:
            self.wrong.append(f"after kill {number} the shares of {name} give another key")
        others = [one for one in list(self.shares)[-_OLDER:] if one != name]
        self.wrong += [f"after kill {number} the shares of {one} open the ring" for one in others if self._opens(one)]
        self.root, self.root_begun = name, ""

    def _opens(self, name: str) -> bool:
        """Tell whether shares of another root key bring anything back."""
        database = SqlDatabase(open_engine(self.url, self.folder / "database"))
        try:
            recover(self.folder / "secrets", database, combine(read_all(self.shares[name][1:])))
        except InvalidInput:
            return False
        finally:
            database.close()
        return True

    def finish(self) -> dict[str, Any]:
        """Carry a rotation through to its end; returns the figures."""
        safe = opened(self.folder, self.url)
        safe.rotate(CALLER, safe.ring.ring.active.id)
        end = Renewal(safe.ring, safe.ports.database).run()
        if end.left or end.unfinished:
            self.wrong.append(f"{end.left} values are not renewed at the end")
        _close(safe.ports.database)
        return {
            "killed_while_starting": self.starting,
            "acknowledged_changes": self.changes,
            "acknowledged_rotations": self.rotations,
            "acknowledged_changes_of_the_root_key": self.roots,
            "secrets_at_the_end": len(self.kept),
            "keys_at_the_end": len(safe.ring.ring.keys),
            "wrong": len(self.wrong),
            "examples": self.wrong[:_EXAMPLES],
        }


def _close(database: Any) -> None:
    if isinstance(database, SqlDatabase):
        database.close()


def prove(kills: int, seed: int, folder: Path, url: str | None = None) -> dict[str, Any]:
    """Kill so many lives in `folder`; returns figures, `wrong` being the one that has to be 0."""
    run = Run(folder, Random(seed), url)  # noqa: S311 - the moments of the kills
    for number in range(1, kills + 1):
        run.life(number)
        if number % 10 == 0:
            typer.echo(f"kill {number} of {kills}: {len(run.wrong)} wrong", err=True)
    return {"kills": kills, **run.finish()}


def keys(
    kills: Annotated[int, typer.Option(help="How often a life is killed.")] = 200,
    seed: Annotated[int, typer.Option(help="Decides the moments.")] = 1,
    database: Annotated[str | None, typer.Option(help="The URL of an empty PostgreSQL database; else SQLite.")] = None,
) -> None:
    """Kill writers and rotations, and prove that nothing acknowledged is lost and nothing is half done."""
    with tempfile.TemporaryDirectory(prefix="steersman-keys-") as folder:
        figures = prove(kills, seed, Path(folder), database)
    with suppress(BrokenPipeError):
        typer.echo(json.dumps(figures, indent=2))
    if figures["wrong"]:
        raise Permanent(f"{figures['wrong']} things are wrong after {kills} kills")
