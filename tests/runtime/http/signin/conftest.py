"""A device with passkeys, in software: it signs as an authenticator does, and lies where a test wants it to."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.identity import accounts
from steersman.runtime.identity.accounts import Account, Kind

PASSWORD = "a green kettle sings by itself"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text_of(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Device:
    """One authenticator with one discoverable key; `algorithm` is ES256 or EdDSA, in COSE numbers."""

    algorithm: int = -7
    origin: str = "http://localhost:7600"
    count: int = 0
    flags: int = PRESENT | VERIFIED
    id: bytes = b"\x01" * 32
    handle: str = ""
    _key: Any = None
    _told: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._key = Ed25519PrivateKey.generate() if self.algorithm == -8 else ec.generate_private_key(ec.SECP256R1())

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """Make a key, as `navigator.credentials.create` answers."""
        self.handle = options["user"]["id"]
        attested = b"\0" * 16 + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(self._cose())
        authenticator = self._authenticator(options["rp"]["id"], self.flags | ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": authenticator})
        response = {
            "clientDataJSON": text_of(self._client("webauthn.create", options["challenge"])),
            "attestationObject": text_of(attestation),
            "transports": ["internal", "hybrid"],
        }
        return self._credential(response)

    def get(self, options: dict[str, Any], **lies: Any) -> dict[str, Any]:
        """Sign, as `navigator.credentials.get` answers."""
        self.count += 1
        authenticator = self._authenticator(lies.get("rp_id", options["rpId"]), lies.get("flags", self.flags))
        client = self._client(lies.get("type", "webauthn.get"), lies.get("challenge", options["challenge"]))
        response = {
            "clientDataJSON": text_of(client),
            "authenticatorData": text_of(authenticator),
            "signature": text_of(self._sign(authenticator + hashlib.sha256(client).digest())),
            "userHandle": lies.get("handle", self.handle),
        }
        return self._credential(response)

    def _authenticator(self, rp_id: str, flags: int) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _sign(self, content: bytes) -> bytes:
        if self.algorithm == -8:
            return bytes(self._key.sign(content))
        return bytes(self._key.sign(content, ec.ECDSA(hashes.SHA256())))

    def _cose(self) -> dict[int, Any]:
        public = self._key.public_key()
        if self.algorithm == -8:
            return {1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()}
        numbers = public.public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        named = text_of(self.id)
        return {"id": named, "rawId": named, "type": "public-key", "response": response, "clientExtensionResults": {}}


@pytest.fixture
def make_device() -> type[Device]:
    return Device


class Browser:
    """Asks as a page of this site does: with its cookies, its origin and its host name."""

    def __init__(self, site: Any, host: str = "localhost:7600") -> None:
        self.site, self.host, self.cookies = site, host, {}

    def ask(self, method: str, url: str, **request: Any) -> Any:
        headers = {"host": self.host, "origin": f"http://{self.host}", **request.pop("headers", {})}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.site.ask(method, url, headers=headers, **request)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def sign_in(self, name: str = "ines", password: str = PASSWORD, **more: str) -> Browser:
        answer = self.ask("POST", "/login", data={"username": name, "password": password, **more})
        assert answer.status_code == 303, answer.text
        return self


@pytest.fixture
def site(make_site: Any) -> Any:
    made = make_site(people=True, allowed_hosts=["steersman.example"]).start()
    add(made, "ines", "viewer")
    return made


def add(site: Any, name: str, *roles: str) -> Account:
    identity = site.identity
    account = Account(identity.ports.ids.new(), DEFAULT_TENANT, name, "", Kind.PERSON, False, 0, roles)
    with identity.ports.database.transaction() as transaction:
        accounts.add_account(transaction, account, identity.passwords.chosen(PASSWORD))
    return account


@pytest.fixture
def add_person(site: Any) -> Any:
    return lambda name, *roles: add(site, name, *roles)


@pytest.fixture
def browser(site: Any) -> Browser:
    return Browser(site)


@pytest.fixture
def another_browser(site: Any) -> Any:
    return lambda host="localhost:7600": Browser(site, host)


@pytest.fixture
def make_browser() -> type[Browser]:
    return Browser
