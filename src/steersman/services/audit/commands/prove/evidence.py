"""`steersman prove evidence`: kill -9 amid writes of accounts, keys, tokens and evidence, and look at what is left.

Writers over HTTP keep account of what was acknowledged; the moment of each kill is drawn from a seed, before or after
the platform is ready. Between two lives the database is looked at: everything acknowledged is there, every row has its
one entry in the journal and the other way round, no family of refresh tokens is torn, and tree, checkpoints and file
agree. The tree is computed again after every fifth kill and at the end: nothing in it is ever taken back, so that what
went wrong in between still shows. Each life first uses what the one before acknowledged: keys and refresh tokens. With
`--postgresql` the database is a server of the proof's own, which is killed as well, amid the writes of every fifth life
that comes to write.
"""

from __future__ import annotations

import json
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

from steersman.model.errors import Permanent
from steersman.services.audit.commands.prove.server import Server
from steersman.services.audit.commands.prove.victim import Victim, ask
from steersman.services.audit.commands.prove.writers import WRITES, Acknowledged, Writing, add_service, refreshed
from steersman.services.audit.store.pairs import Expected, disagreeing, unpaired

_EXAMPLES = 20
#: A life is killed before it is ready so often, of a hundred.
_STARTING_PERCENT = 20
#: What a start takes once everything is imported, on a machine that has something else to do as well.
_STARTING_SECONDS = 1.5
_ROTATING_PERCENT = 30
_WHOLE_EVERY = 5
#: One in so many lives that write loses its database before it is killed, if that is a server of ours.
_SERVER_EVERY = 5
#: A command needs a second or two until it begins.
_ROTATION_SECONDS = 4.0
_UNAUTHENTICATED = 401

_Kills = Annotated[int, typer.Option(help="How often the platform is killed.")]
_Seed = Annotated[int, typer.Option(help="Decides the moments.")]
_Binaries = Annotated[
    Path | None, typer.Option(help="The programs of PostgreSQL; starts a server, and kills it as well.", metavar="DIR")
]
_Url = Annotated[str | None, typer.Option("--database", help="The URL of an empty PostgreSQL database; else SQLite.")]


@dataclass(slots=True)
class Run:
    """One data directory, killed again and again."""

    folder: Path
    url: str | None
    random: Random
    server: Server | None = None
    following: Victim | None = None
    account: Acknowledged = field(default_factory=Acknowledged)
    kills: dict[str, int] = field(default_factory=lambda: {"starting": 0, "writing": 0})
    rotations: int = 0
    checks: int = 0
    wrong: list[str] = field(default_factory=list)

    def life(self) -> None:
        """Start, use what was acknowledged, write, and kill at a moment that nobody expects."""
        victim = self._victim()
        if self.kills["writing"] and self.random.randrange(100) < _STARTING_PERCENT:
            threading.Event().wait(self.random.uniform(0.0, _STARTING_SECONDS))
            victim.kill()
            self.kills["starting"] += 1
        else:
            self._written(victim)
            self.kills["writing"] += 1
        lost = self.server is not None and not self.server.alive
        if self.server is not None and lost:
            self.server.start()
        self.look(whole=lost)

    def _victim(self) -> Victim:
        """Let the next process begin, and have the one after it prepared meanwhile."""
        found = self.following or Victim(self.folder, self.url)
        found.begin()
        self.following = Victim(self.folder, self.url)
        return found

    def _written(self, victim: Victim) -> None:
        writing: list[Writing] = []
        rotating: subprocess.Popen[bytes] | None = None
        try:
            victim.wait_ready()
            self._use(victim.port)
            add_service(victim.port)
            writing = [Writing(victim.port, write, self.account) for write in WRITES]
            for one in writing:
                one.start()
            rotating = self._rotation()
            longest = 1.5 if rotating is None else _ROTATION_SECONDS
            threading.Event().wait(self.random.uniform(0.05, longest))
            self._lose_database()
        finally:
            victim.kill()
            if rotating is not None:
                rotating.kill()
                self.rotations += rotating.wait() == 0
            for one in writing:
                one.stop()

    def _lose_database(self) -> None:
        """In some lives the server is killed first: the platform goes on for a moment, and has to refuse what comes."""
        if self.server is None or self.kills["writing"] % _SERVER_EVERY != _SERVER_EVERY - 1:
            return
        self.server.kill()
        threading.Event().wait(self.random.uniform(0.0, 0.5))

    def _rotation(self) -> subprocess.Popen[bytes] | None:
        """In some lives the signing key is rotated beside the platform, and that is killed as well."""
        if self.random.randrange(100) >= _ROTATING_PERCENT:
            return None
        command = [sys.executable, "-m", "steersman.cli", "audit", "rotate-key", "--data", str(self.folder / "data")]
        url = [] if self.url is None else ["--database", self.url]
        with (self.folder / "output.log").open("ab") as log:
            return subprocess.Popen([*command, *url], stdout=log, stderr=log)

    def _use(self, port: int) -> None:
        """Present every refresh token that was the last one acknowledged, and a key."""
        for number, token in list(self.account.sessions.items()):
            del self.account.sessions[number]
            if (successor := refreshed(port, token, self.account)) is None:
                self.wrong.append(f"the acknowledged refresh token of the session {number} is not good")
            elif len(self.account.sessions) < _EXAMPLES:
                self.account.sessions[number] = successor
        for key in list(self.account.keys.values())[-1:]:
            status, _ = ask(port, "GET", "/auth/me", token=key)
            if status == _UNAUTHENTICATED:
                self.wrong.append("an acknowledged key is not good")

    def look(self, *, whole: bool = False) -> None:
        """Compare what is there with what was acknowledged; the tree, which takes longest, when it is its turn."""
        self.checks += 1
        account = self.account
        expected = Expected(account.users.keys(), account.keys.keys(), account.facts)
        self.wrong += unpaired(self.folder / "data", self.url, expected)
        if whole or self.checks % _WHOLE_EVERY == 0:
            self.wrong += disagreeing(self.folder / "data", self.url)
        self.wrong += [f"refused: {one}" for one in account.refused]
        account.refused.clear()

    def finish(self) -> None:
        """Start once more, stop in order, and look again: then everything has to be signed."""
        victim = self._victim()
        victim.wait_ready()
        self._use(victim.port)
        if (status := victim.stop()) != 0:
            self.wrong.append(f"an orderly stop ended with {status}")
        self.look(whole=True)

    def figures(self) -> dict[str, Any]:
        account = self.account
        return {
            "database": "sqlite" if self.url is None else "postgresql",
            "kills": self.kills,
            "kills_of_the_database_server": 0 if self.server is None else self.server.kills,
            "acknowledged": {
                "accounts": len(account.users),
                "keys": len(account.keys),
                "refreshes": account.refreshes,
                "facts": len(account.facts),
            },
            "signing_key_rotations_that_ended_before_the_kill": self.rotations,
            "requests_without_an_answer": account.unanswered,
            "checks": self.checks,
            "wrong": len(self.wrong),
            "examples": self.wrong[:_EXAMPLES],
        }


def prove(kills: int, seed: int, folder: Path, url: str | None, server: Server | None = None) -> dict[str, Any]:
    """Kill the platform so many times in `folder`; returns figures, `wrong` being the one that has to be 0."""
    run = Run(folder, url if server is None else server.url, Random(seed), server)  # noqa: S311 - the moments of the kills
    try:
        for number in range(1, kills + 1):
            run.life()
            if number % 10 == 0:
                typer.echo(f"kill {number} of {kills}: {len(run.wrong)} wrong", err=True)
        run.finish()
    finally:
        if run.following is not None:
            run.following.kill()
    return run.figures()


def evidence(kills: _Kills = 200, seed: _Seed = 1, database: _Url = None, postgresql: _Binaries = None) -> None:
    """Kill the platform amid writes and prove that nothing acknowledged is lost and nothing is half done."""
    with tempfile.TemporaryDirectory(prefix="steersman-evidence-") as folder:
        server = None if postgresql is None else Server(postgresql)
        try:
            figures = prove(kills, seed, Path(folder), database, server)
        finally:
            if server is not None:
                server.stop()
    with suppress(BrokenPipeError):
        typer.echo(json.dumps(figures, indent=2))
    if figures["wrong"]:
        raise Permanent(f"{figures['wrong']} things are wrong after {kills} kills")
