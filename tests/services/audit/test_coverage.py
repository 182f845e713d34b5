"""Each kind of security-relevant event is performed over the API and found in the journal once, with nothing secret.

A real platform; the table says what is done and what the entry has to say. A row that nobody writes an entry for, or
two, or one without the person behind it, fails by its name.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
import pytest

from steersman.services.audit.commands.prove.victim import Victim, ask

pytestmark = pytest.mark.slow

PASSWORD, OTHER_PASSWORD = "a green kettle sings by itself", "another kettle hums in the dark"
WRONG = "nobody's kettle is broken today"
BOOTSTRAP = "bootstrap"
_PATIENCE = 4_000


@dataclass
class Office:
    """A platform, and what the steps before have made in it."""

    victim: Victim
    data: Path
    made: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=lambda: {PASSWORD, OTHER_PASSWORD, WRONG})

    def do(self, method: str, path: str, body: Any = None, *, wanted: int = 200, **more: Any) -> Any:
        status, answer = ask(self.victim.port, method, path, body, **more)
        assert status == wanted, (method, path, status, answer)
        return answer

    def sign_in(self, name: str, password: str, *, wanted: int = 200, totp: str = "") -> Any:
        form = {"grant_type": "password", "username": name, "password": password, "totp": totp}
        answer = self.do("POST", "/auth/token", form=form, token="", wanted=wanted)
        if wanted == 200:
            self.secrets |= {answer["access_token"], answer["refresh_token"]}
        return answer

    def rows(self, after: int) -> list[tuple[Any, ...]]:
        """Entries as the database has them, past the API, which would add one."""
        connection = sqlite3.connect(self.data / "database" / "control.sqlite3")
        try:
            return connection.execute(
                "SELECT seq, type, actor, subject, tenant, payload, cause FROM journal WHERE seq > ? ORDER BY seq",
                (after,),
            ).fetchall()
        finally:
            connection.close()

    def opened(self, seq: int) -> Any:
        (entry,) = self.do("GET", f"/api/audit/entries?after={seq - 1}&limit=1")["entries"]
        return entry["opened"]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    victim = Victim(folder, None)
    victim.wait_ready()
    yield Office(victim, folder / "data")
    victim.stop()


def add_account(office: Office) -> None:
    body = {"name": "ada", "email": "ada@example.org", "password": PASSWORD, "roles": ["viewer"]}
    office.made["ada"] = office.do("POST", "/api/identity/users", body, wanted=201)["id"]


def add_service(office: Office) -> None:
    office.made["robot"] = office.do(
        "POST", "/api/identity/users", {"name": "robot", "kind": "service", "roles": ["viewer"]}, wanted=201
    )["id"]


def sign_in(office: Office) -> None:
    office.made["token"] = office.sign_in("ada", PASSWORD)["access_token"]


def fail_to_sign_in(office: Office) -> None:
    office.sign_in("ada", WRONG, wanted=401)


def fail_as_nobody(office: Office) -> None:
    office.sign_in("mallory", WRONG, wanted=401)


def bring_a_wrong_token(office: Office) -> None:
    office.do("GET", "/auth/me", token="eyJ.not.a-token", wanted=401)


def refresh_with_nothing(office: Office) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "stmr_" + "x" * 43}
    office.do("POST", "/auth/token", form=form, token="", wanted=401)


def switch_factor_on(office: Office) -> None:
    token = office.made["token"]
    secret = office.do("POST", "/auth/totp", {"password": PASSWORD}, token=token)["secret"]
    office.secrets.add(secret)
    body = {"password": PASSWORD, "secret": secret, "code": pyotp.TOTP(secret).now()}
    office.secrets |= set(office.do("PUT", "/auth/totp", body, token=token)["recovery_codes"])


def take_factor_away(office: Office) -> None:
    office.do("PATCH", "/api/identity/users/ada", {"second_factor": False})


def change_roles(office: Office) -> None:
    office.do("PATCH", "/api/identity/users/ada", {"roles": ["viewer", "operator"], "email": "ada@other.example"})


def make_role(office: Office) -> None:
    office.do("PUT", "/api/identity/roles/reader", {"help": "Reads.", "permissions": ["audit.evidence.read"]})


def drop_role(office: Office) -> None:
    office.do("DELETE", "/api/identity/roles/reader")


def change_group(office: Office) -> None:
    office.do("PUT", "/api/identity/groups/staff", {"roles": ["viewer"], "members": ["ada"]})


def make_key(office: Office) -> None:
    body = {"label": "for a robot", "scopes": ["audit.evidence.read"], "days": 3}
    made = office.do("POST", "/api/identity/users/robot/keys", body, wanted=201)
    office.made["key"] = made["id"]
    office.secrets.add(made["key"])


def revoke_key(office: Office) -> None:
    office.do("DELETE", f"/api/identity/keys/{office.made['key']}")


def set_password(office: Office) -> None:
    office.do("PUT", "/api/identity/users/ada/password", {"password": OTHER_PASSWORD})


def sign_out(office: Office) -> None:
    token = office.sign_in("ada", OTHER_PASSWORD)["access_token"]
    office.made["session"] = office.do("GET", "/auth/me", token=token)["session"]
    office.do("POST", "/auth/logout", token=token)


def rotate_token_keys(office: Office) -> None:
    office.do("POST", "/auth/signing-keys")


def turn_a_knob(office: Office) -> None:
    position = office.do("GET", "/api/platform/knobs/in_flight_limit")
    office.do("PUT", "/api/platform/knobs/in_flight_limit", {"value": position["value"] + position["step"]})


def act(office: Office) -> None:
    wish = {"key": "coverage-1", "args": {"level": "warning"}}
    office.do("POST", "/api/platform/actions/set_log_level", wish)


def stop_the_loop(office: Office) -> None:
    office.do("POST", "/api/ops/policies/stop", {"text": "an exercise"})


def read_evidence(office: Office) -> None:
    office.do("GET", "/api/audit/entries?after=0&limit=1")


def rotate_the_log_key(office: Office) -> None:
    command = [sys.executable, "-m", "steersman.cli", "audit", "rotate-key", "--data", str(office.data)]
    subprocess.run(command, check=True, capture_output=True)


def disable(office: Office) -> None:
    office.do("PATCH", "/api/identity/users/ada", {"disabled": True})


Step = tuple[Callable[[Office], None], str, str, str, dict[str, Any]]
#: What is done; type, actor and subject of its entry, where a word may name what was made; what the payload says.
STEPS: list[Step] = [
    (add_account, "identity.account.added", BOOTSTRAP, "ada", {"name": "ada", "roles": ["viewer"]}),
    (add_service, "identity.account.added", BOOTSTRAP, "robot", {"name": "robot"}),
    (sign_in, "identity.session.begun", "ada", "*", {"address": "127.0.0.1"}),
    (fail_to_sign_in, "identity.login.refused", "nobody", "ada", {"reason": "password", "address": "127.0.0.1"}),
    (fail_as_nobody, "identity.login.refused", "nobody", "address-", {"address": "127.0.0.1"}),
    (bring_a_wrong_token, "identity.token.refused", "nobody", "address-", {"address": "127.0.0.1"}),
    (refresh_with_nothing, "identity.refresh.refused", "nobody", "address-", {"reason": "unknown"}),
    (switch_factor_on, "identity.factor.changed", "ada", "ada", {"on": True}),
    (take_factor_away, "identity.factor.changed", BOOTSTRAP, "ada", {"on": False}),
    (change_roles, "identity.account.changed", BOOTSTRAP, "ada", {"roles": ["operator", "viewer"]}),
    (make_role, "identity.role.changed", BOOTSTRAP, "reader", {"permissions": ["audit.evidence.read"]}),
    (drop_role, "identity.role.changed", BOOTSTRAP, "reader", {"permissions": []}),
    (change_group, "identity.group.changed", BOOTSTRAP, "staff", {"members": ["ada"], "roles": ["viewer"]}),
    (make_key, "identity.key.made", BOOTSTRAP, "key", {"scopes": ["audit.evidence.read"], "days": 3}),
    (revoke_key, "identity.key.revoked", BOOTSTRAP, "key", {}),
    (set_password, "identity.password.changed", BOOTSTRAP, "ada", {}),
    (sign_out, "identity.session.ended", "ada", "session", {"why": "signed out"}),
    (rotate_token_keys, "identity.keys.rotated", BOOTSTRAP, "*", {"how": "by hand"}),
    (turn_a_knob, "knob.turned", BOOTSTRAP, "platform.in_flight_limit", {}),
    (act, "action.requested", BOOTSTRAP, "platform.set_log_level", {"key": "coverage-1"}),
    (stop_the_loop, "ops.policy", BOOTSTRAP, "*", {}),
    (read_evidence, "audit.evidence.read", BOOTSTRAP, "journal", {"what": "entries", "after": 0}),
    (rotate_the_log_key, "audit.key.rotated", "local", "*", {}),
    (disable, "identity.account.changed", BOOTSTRAP, "ada", {"disabled": True}),
]


@pytest.mark.requirement("ASVS-16.3.1", "ASVS-16.3.2", "ASVS-16.2.1", "ASVS-16.2.5", "SOC2-CC7.2")
def test_every_kind_of_event_stands_in_the_journal_once(office: Office) -> None:
    """In the order of the table, on one platform; failures are collected, so that one gap does not hide another."""
    gaps = [gap for step in STEPS if (gap := _performed(office, *step))]
    assert gaps == []
    everything = str(office.rows(0))
    for secret in office.secrets | {"127.0.0.1", "ada@", "'ada'", '"ada"', "a-token"}:
        assert secret not in everything, secret


def _performed(office: Office, do: Callable[[Office], None], kind: str, actor: str, subject: str, told: Any) -> str:
    rows = office.rows(0)
    before = rows[-1][0] if rows else 0
    try:
        do(office)
    except (AssertionError, KeyError) as failure:
        return f"{do.__name__}: {failure}"
    found = _awaited(office, before, kind)
    if len(found) != 1:
        return (
            f"{do.__name__}: {len(found)} entries {kind}; there are {sorted({row[1] for row in office.rows(before)})}"
        )
    ((seq, _, by, about, tenant, _, _),) = found
    wanted = office.made.get(subject, subject)
    right = wanted in ("*", about) or (wanted.endswith("-") and about.startswith(wanted))
    if (by, tenant, right) != (office.made.get(actor, actor), "default", True):
        return f"{do.__name__}: by {by}, about {about} in {tenant}"
    opened = office.opened(seq)
    missing = {name: value for name, value in told.items() if opened["payload"].get(name) != value}
    return f"{do.__name__}: {missing} is not in {opened}" if missing or opened["actor"] != actor else ""


def _awaited(office: Office, before: int, kind: str) -> list[tuple[Any, ...]]:
    """Return the entries of a kind; refusals are written in the background, so this looks again for a while."""
    for _ in range(_PATIENCE):
        if found := [row for row in office.rows(before) if row[1] == kind]:
            return found
        threading.Event().wait(0.05)
    return []
