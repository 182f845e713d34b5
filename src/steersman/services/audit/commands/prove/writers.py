"""Writers over HTTP that keep account of what was acknowledged: accounts, keys, sessions and facts of the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from steersman.services.audit.commands.prove.victim import ask

PASSWORD = "correct-Wal-7 horse of the proof"  # noqa: S105 - of accounts in a throw-away directory
_TRIES_AGAIN = frozenset({429, 503})
#: Beyond every entry: what was asked for stands in the fact, and its answer is empty.
_BEYOND = 2**40
_SERVICE = "proof-service"


@dataclass(slots=True)
class Acknowledged:
    """All that was answered with a success, over all lives. Numbers are used once, whatever became of the request."""

    users: dict[str, None] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    sessions: dict[int, str] = field(default_factory=dict)
    facts: set[int] = field(default_factory=set)
    refreshes: int = 0
    unanswered: int = 0
    refused: list[str] = field(default_factory=list)
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def number(self) -> int:
        with self._lock:
            self._number += 1
            return self._number


Write = Callable[[int, Acknowledged], None]


class Writing(threading.Thread):
    """Repeats one kind of write against one life of the platform, until its answers stop."""

    def __init__(self, port: int, write: Write, account: Acknowledged) -> None:
        super().__init__(daemon=True)
        self._port, self._write, self._account = port, write, account
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._write(self._port, self._account)
            except OSError:
                self._account.unanswered += 1
                self._stopping.wait(0.01)


def add_user(port: int, account: Acknowledged) -> None:
    name = f"user-{account.number()}"
    body = {"name": name, "email": f"{name}@example.org", "password": PASSWORD, "roles": ["viewer"]}
    if _sent(account, *ask(port, "POST", "/api/identity/users", body), wanted=201) is not None:
        account.users[name] = None


def add_service(port: int) -> None:
    """Make the account that keys belong to; it may be there from an earlier life."""
    ask(port, "POST", "/api/identity/users", {"name": _SERVICE, "kind": "service", "roles": ["viewer"]})


def make_key(port: int, account: Acknowledged) -> None:
    body = {"label": f"key {account.number()}", "scopes": ["*"], "days": 30}
    answer = _sent(account, *ask(port, "POST", f"/api/identity/users/{_SERVICE}/keys", body), wanted=201)
    if answer is not None:
        account.keys[answer["id"]] = answer["key"]


def live_in_a_session(port: int, account: Acknowledged) -> None:
    """Sign in and exchange refresh tokens; the last one that was answered has to be good in the next life."""
    if not account.users:
        return
    form = {"grant_type": "password", "username": next(iter(account.users)), "password": PASSWORD}
    answer = _sent(account, *ask(port, "POST", "/auth/token", form=form, token=""), wanted=200)
    if answer is None:
        return
    number = account.number()
    account.sessions[number] = answer["refresh_token"]
    for _ in range(20):
        # Until the answer is there, nobody knows which of two tokens is the last one.
        before = account.sessions.pop(number)
        answer = refreshed(port, before, account)
        if answer is None:
            return
        account.sessions[number] = answer
        account.refreshes += 1


def refreshed(port: int, token: str, account: Acknowledged) -> str | None:
    """Return the successor of a refresh token, or None where it was refused, which is noted."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    answer = _sent(account, *ask(port, "POST", "/auth/token", form=form, token=""), wanted=200)
    return None if answer is None else str(answer["refresh_token"])


def tell_a_fact(port: int, account: Acknowledged) -> None:
    """Read evidence, which is a fact that the journal keeps before the answer goes out."""
    after = _BEYOND + account.number()
    if _sent(account, *ask(port, "GET", f"/api/audit/entries?after={after}&limit=1"), wanted=200) is not None:
        account.facts.add(after)


def _sent(account: Acknowledged, status: int, answer: Any, *, wanted: int) -> Any:
    if status == wanted:
        return answer if answer is not None else {}
    if status not in _TRIES_AGAIN:
        account.refused.append(f"{status}: {str(answer)[:200]}")
    return None


WRITES: tuple[Write, ...] = (add_user, make_key, live_in_a_session, live_in_a_session, tell_a_fact, tell_a_fact)
