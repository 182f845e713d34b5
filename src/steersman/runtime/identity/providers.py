"""One outside provider: what it publishes about itself, its keys, and a code that becomes claims.

Nothing is asked of anybody until a person follows the button of a provider that the settings name. What is published is
kept for an hour; a token under a key that is not known yet asks once more, at most once a minute, which is how the
provider's keys rotate and how nobody makes this platform ask without end.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from steersman.contract.ports import Clock
from steersman.model.errors import Temporary
from steersman.runtime.identity.fetching import Fetch
from steersman.runtime.identity.idtokens import Expected, Unbelievable, believed, key_name
from steersman.runtime.identity.settings import ProviderSettings

_KEEP_SECONDS, _AGAIN_SECONDS = 3600.0, 60.0
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in that is under way: what the browser keeps sealed, and the answer has to fit."""

    provider: str
    state: str
    nonce: str
    verifier: str
    to: str
    binding: str
    account: str = ""
    session: str = ""


@dataclass(slots=True)
class Provider:
    """Asks one provider. Methods block; they may be called from any thread.

    `reveal` gives what a client secret stands for that is written as a reference, when it is used.
    """

    settings: ProviderSettings
    fetch: Fetch
    clock: Clock
    reveal: Callable[[str], str] = str
    _published: dict[str, Any] = field(default_factory=dict)
    _keys: list[dict[str, Any]] = field(default_factory=list)
    _published_at: float = 0.0
    _keys_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def address(self, flow: Flow, back: str) -> str:
        """Return where the browser goes to sign in."""
        endpoint = self._metadata()["authorization_endpoint"]
        challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
        fields = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": back,
            "scope": " ".join(self.settings.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(fields)}"

    def check_issuer(self, named: str | None) -> None:
        """Refuse an answer of another provider (RFC 9207); raises `Unbelievable`."""
        promised = self._metadata().get("authorization_response_iss_parameter_supported") is True
        if named != self.settings.issuer and (named is not None or promised):
            raise Unbelievable("iss of the answer")

    def claims(self, flow: Flow, code: str, back: str) -> dict[str, Any]:
        """Exchange a code and return what the ID token says; raises `Unbelievable` or `Temporary`."""
        token = self._redeemed(flow, code, back)
        settings = self.settings
        expected = Expected(settings.issuer, settings.client_id, flow.nonce, settings.algorithms)
        keys = self._keys_for(key_name(token))
        return believed(token, keys, expected, self.clock.wall_ns() // 1_000_000_000)

    def _redeemed(self, flow: Flow, code: str, back: str) -> str:
        metadata, settings = self._metadata(), self.settings
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": flow.verifier}
        headers: dict[str, str] = {}
        secret = None if settings.client_secret is None else self.reveal(settings.client_secret.get_secret_value())
        if secret is None:
            form["client_id"] = settings.client_id
        elif "client_secret_basic" in metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
            pair = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": settings.client_id, "client_secret": secret}
        answer = self.fetch(metadata["token_endpoint"], form, headers)
        if answer.status >= 500:
            raise Temporary("the provider cannot exchange the code now")
        token = _object(answer.body).get("id_token") if answer.status == 200 else None
        if not isinstance(token, str):
            raise Unbelievable("code")
        return token

    def _metadata(self) -> dict[str, Any]:
        with self._lock:
            if not self._published or self.clock.monotonic() - self._published_at > _KEEP_SECONDS:
                self._published = self._discovered()
                self._published_at = self.clock.monotonic()
            return self._published

    def _discovered(self) -> dict[str, Any]:
        found = self._get(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.settings.issuer:
            raise Unbelievable("issuer of the configuration")
        for name in _ENDPOINTS:
            _check_endpoint(found.get(name), self.settings.issuer)
        return found

    def _keys_for(self, kid: str) -> list[dict[str, Any]]:
        address = self._metadata()["jwks_uri"]
        with self._lock:
            age = self.clock.monotonic() - self._keys_at
            unknown = bool(kid) and all(one.get("kid") != kid for one in self._keys)
            if not self._keys or age > _KEEP_SECONDS or (unknown and age > _AGAIN_SECONDS):
                keys = self._get(address).get("keys")
                self._keys = [one for one in keys if isinstance(one, dict)] if isinstance(keys, list) else []
                self._keys_at = self.clock.monotonic()
            return self._keys

    def _get(self, url: str) -> dict[str, Any]:
        answer = self.fetch(url, None, {})
        if answer.status != 200:
            raise Temporary(f"the provider answered {answer.status}")
        return _object(answer.body)


def mapped_roles(settings: ProviderSettings, claims: Mapping[str, Any]) -> list[str]:
    """Return the roles that a provider's claims lead to, by the settings and by nothing else."""
    values = claims.get(settings.roles_claim)
    held = values if isinstance(values, list) else [values]
    found = {role for one in held if isinstance(one, str) for role in settings.roles.get(one, ())}
    return sorted(found or set(settings.default_roles))


def _check_endpoint(address: Any, issuer: str) -> None:
    """Refuse an endpoint that is less protected than its issuer."""
    plain = isinstance(address, str) and len(address) <= _LONGEST and address.isprintable()
    if (
        not plain
        or urlsplit(address).scheme not in {"https", urlsplit(issuer).scheme}
        or not urlsplit(address).hostname
    ):
        raise Unbelievable("endpoint")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Temporary("the provider answers, but not in JSON") from error
    if not isinstance(found, dict):
        raise Temporary("the provider answers, but not with an object")
    return found
