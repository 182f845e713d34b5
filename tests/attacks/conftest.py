"""A real platform to attack: a process on a free port, people of every role, and a socket for what no client would send."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pyotp
import pytest

from steersman.services.telemetry.commands.bench.systems import STEERSMAN, TOKEN, System

PASSWORD = "four ordinary words, said twice"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BACK = "https://app.example/back"
ROOT = {"authorization": f"Bearer {TOKEN}"}
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account, signed in as programs are."""

    name: str
    access: str
    refresh: str

    @property
    def headers(self) -> dict[str, str]:
        return bearer(self.access)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class Target:
    """The platform under attack, as a client and as a wire."""

    PASSWORD, VERIFIER, CHALLENGE, BACK, ROOT = PASSWORD, VERIFIER, CHALLENGE, BACK, ROOT

    def __init__(self, system: System) -> None:
        self.system = system
        self.origin = f"http://127.0.0.1:{system.port}"
        self._open = ExitStack()
        self._client = self.client()

    def client(self, **more: Any) -> httpx.Client:
        """Somebody who keeps cookies, and is closed with the platform."""
        return self._open.enter_context(httpx.Client(base_url=self.origin, trust_env=False, timeout=60, **more))

    def close(self) -> None:
        self._open.close()

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **request: Any) -> httpx.Response:
        return self._client.request(method, path, headers=headers, **request)

    def root(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Ask with the token that opens everything."""
        return self.ask(method, path, ROOT, **request)

    def raw(self, request: bytes) -> bytes:
        """Send these very bytes and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.system.port), timeout=60) as wire:
            wire.sendall(request)
            return b"".join(iter(lambda: wire.recv(65_536), b""))

    def factor(self, person: Person) -> pyotp.TOTP:
        """Switch on the authenticator app of somebody."""
        confirmed = {"password": PASSWORD}
        secret = self.ask("POST", "/auth/totp", person.headers, json=confirmed).json()["secret"]
        app = pyotp.TOTP(secret)
        body = {**confirmed, "secret": secret, "code": app.now()}
        answer = self.ask("PUT", "/auth/totp", person.headers, json=body)
        assert answer.status_code == 200, answer.text
        return app

    def status_of(self, request: bytes) -> int:
        return int(self.raw(request).split(b" ", 2)[1])

    def path(self, target: str, *headers: str, host: str = "") -> int:
        """The status of a GET whose target goes over the wire as it is given."""
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {host or f'127.0.0.1:{self.system.port}'}",
            *headers,
            "Connection: close",
        ]
        return self.status_of("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def person(self, *roles: str, name: str = "") -> Person:
        """Somebody new with these roles, signed in."""
        name = name or f"person-{next(_NUMBERS)}"
        made = self.root("POST", "/api/identity/users", json={"name": name, "password": PASSWORD, "roles": list(roles)})
        assert made.status_code == 201, made.text
        pair = self.sign_in(name).json()
        return Person(name, pair["access_token"], pair["refresh_token"])

    def sign_in(self, name: str, password: str = PASSWORD, *, place: str = "", **fields: str) -> httpx.Response:
        """Sign in from a place of one's own, so that nobody waits for the failures of others."""
        form = {"grant_type": "password", "username": name, "password": password, **fields}
        number = next(_NUMBERS)
        address = place or f"127.1.{number // 250}.{number % 250 + 1}"
        wire = httpx.HTTPTransport(local_address=address)
        with httpx.Client(base_url=self.origin, trust_env=False, timeout=60, transport=wire) as client:
            return client.post("/auth/token", data=form)

    def browser(self, person: Person) -> httpx.Client:
        """A browser in which this person has signed in."""
        client = self.client(headers={"accept": "text/html"})
        form = {"username": person.name, "password": PASSWORD, "to": "/"}
        answer = client.post("/login", data=form, headers={"origin": self.origin})
        assert answer.status_code == 303, answer.text
        return client

    def program(self, *scopes: str, redirect: str = BACK) -> dict[str, Any]:
        """A program of a third party that an administrator registered."""
        body = {"name": "Dashboards", "redirect_uris": [redirect], "scopes": list(scopes)}
        answer = self.root("POST", "/auth/clients", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def question(self, program: dict[str, Any], **changed: str) -> str:
        fields = {"response_type": "code", "client_id": program["client_id"], "redirect_uri": program["redirect_uris"][0],
                  "scope": " ".join(program["scopes"]), "state": "xyz", "code_challenge": CHALLENGE,
                  "code_challenge_method": "S256", **changed}  # fmt: skip
        return "/auth/authorize?" + urlencode(fields)

    def agreed(self, browser: httpx.Client, address: str) -> dict[str, str]:
        """What the program gets once the person has agreed."""
        ticket = _onward(browser.get(address))
        led = _onward(browser.post(ticket, data={"decision": "allow"}, headers={"origin": self.origin}))
        return {name: values[0] for name, values in parse_qs(urlsplit(led).query).items()}

    def redeem(self, program: dict[str, Any], code: str, **changed: str) -> httpx.Response:
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": program["redirect_uris"][0],
                  "code_verifier": VERIFIER, "client_id": program["client_id"], **changed}  # fmt: skip
        return self.ask("POST", "/auth/token", data=fields)


def _onward(page: httpx.Response) -> str:
    found = re.search(r'id="onward" href="([^"]*)"', page.text)
    assert found, page.text
    return html.unescape(found[1])


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with pytest.MonkeyPatch.context() as patch:
        # What is attacked is the code itself: a detector in front of it would hide what it does wrong.
        patch.setenv("STEERSMAN_HOUSE__ATTACKS", "ignore")
        with System(STEERSMAN) as system, closing(Target(system)) as found:
            yield found


@pytest.fixture(scope="module")
def make_person(target: Target) -> Callable[..., Person]:
    return target.person


@pytest.fixture
def forge(target: Target) -> Callable[..., str]:
    """Change the parts of a good token; the signature stays what it was unless another is given."""

    def forged(token: str, *, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None,
               signature: bytes | None = None) -> str:  # fmt: skip
        head, body, seal = token.split(".")
        parts = [_changed(head, header or {}), _changed(body, claims or {})]
        return ".".join([*parts, seal if signature is None else _encoded(signature)])

    return forged


def _changed(part: str, more: dict[str, Any]) -> str:
    if not more:
        return part
    return _encoded(json.dumps({**json.loads(base64.urlsafe_b64decode(part + "==")), **more}).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
