"""`steersman prove evidence`: kill -9 amid writes of accounts, keys, tokens and evidence, and look at what is left.

Writers over HTTP keep account of what was acknowledged; the moment of each kill is drawn from a seed, before or after
the platform is ready. Between two lives the database is looked at: everything acknowledged is there, every row has its
one entry in the journal and the other way round, no family of refresh tokens is torn, and tree, checkpoints and file
agree. Each life first uses what the one before acknowledged: keys and refresh tokens.
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
from steersman.services.audit.commands.prove.victim import Victim, ask
from steersman.services.audit.commands.prove.writers import WRITES, Acknowledged, Writing, add_service, refreshed
from steersman.services.audit.store.pairs import Expected, wrong

_EXAMPLES = 20
#: A life is killed before it is ready so often, of a hundred.
_STARTING_PERCENT = 20
_ROTATING_PERCENT = 30
#: A command needs a second or two until it begins.
_ROTATION_SECONDS = 4.0
_UNAUTHENTICATED = 401

_Kills = Annotated[int, typer.Option(help="How often the platform is killed.")]
_Seed = Annotated[int, typer.Option(help="Decides the moments.")]
_Url = Annotated[str | None, typer.Option("--database", help="The URL of an empty PostgreSQL database; else SQLite.")]


@dataclass(slots=True)
class Run:
    """One data directory, killed again and again."""

    folder: Path
    url: str | None
    random: Random
    account: Acknowledged = field(default_factory=Acknowledged)
    kills: dict[str, int] = field(default_factory=lambda: {"starting": 0, "writing": 0})
    rotations: int = 0
    checks: int = 0
    wrong: list[str] = field(default_factory=list)

    def life(self) -> None:
        """Start, use what was acknowledged, write, and kill at a moment that nobody expects."""
        victim = Victim(self.folder, self.url)
        if self.kills["writing"] and self.random.randrange(100) < _STARTING_PERCENT:
            threading.Event().wait(self.random.uniform(0.0, 3.0))
            victim.kill()
            self.kills["starting"] += 1
        else:
            self._written(victim)
            self.kills["writing"] += 1
        self.look()

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
        finally:
            victim.kill()
            if rotating is not None:
                rotating.kill()
                self.rotations += rotating.wait() == 0
            for one in writing:
                one.stop()

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

    def look(self) -> None:
        self.checks += 1
        account = self.account
        expected = Expected(account.users.keys(), account.keys.keys(), account.facts)
        self.wrong += wrong(self.folder / "data", self.url, expected)
        self.wrong += [f"refused: {one}" for one in account.refused]
        account.refused.clear()

    def finish(self) -> None:
        """Start once more, stop in order, and look again: then everything has to be signed."""
        victim = Victim(self.folder, self.url)
        victim.wait_ready()
        self._use(victim.port)
        if (status := victim.stop()) != 0:
            self.wrong.append(f"an orderly stop ended with {status}")
        self.look()

    def figures(self) -> dict[str, Any]:
        account = self.account
        return {
            "database": "sqlite" if self.url is None else "postgresql",
            "kills": self.kills,
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


def prove(kills: int, seed: int, folder: Path, url: str | None) -> dict[str, Any]:
    """Kill the platform so many times in `folder`; returns figures, `wrong` being the one that has to be 0."""
    run = Run(folder, url, Random(seed))  # noqa: S311 - the moments of the kills
    for number in range(1, kills + 1):
        run.life()
        if number % 10 == 0:
            typer.echo(f"kill {number} of {kills}: {len(run.wrong)} wrong", err=True)
    run.finish()
    return run.figures()


def evidence(kills: _Kills = 200, seed: _Seed = 1, database: _Url = None) -> None:
    """Kill the platform amid writes and prove that nothing acknowledged is lost and nothing is half done."""
    with tempfile.TemporaryDirectory(prefix="steersman-evidence-") as folder:
        figures = prove(kills, seed, Path(folder), database)
    with suppress(BrokenPipeError):
        typer.echo(json.dumps(figures, indent=2))
    if figures["wrong"]:
        raise Permanent(f"{figures['wrong']} things are wrong after {kills} kills")
