"""Access tokens: JSON Web Tokens of 15 minutes, signed with Ed25519 unless the settings name another algorithm.

The header of a token that this platform signed is one of a handful of byte strings, one for each key, so a token is
first asked whether its header is literally one of them. What attacks the reading of headers (no algorithm, another one,
a `kid` that is a path, keys that come along, members that occur twice) is never parsed here. The rest is PyJWT's, with
the one algorithm of that key named; only the time is compared here, because time is the platform's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from steersman.contract.ports import Clock, Ids
from steersman.runtime.identity.keyring import Keyring, SigningKey, accepted

LIFETIME_SECONDS = 15 * 60
#: Larger ones are not looked at: ours have some 500 bytes.
LARGEST = 4096
_TYPE = "at+jwt"
_CLAIMS = ("iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp")
#: Two processes on one machine share its clock; so much may it have been set back between them.
_EARLY_SECONDS = 5
_NS = 1_000_000_000


class Refused(Exception):
    """A token is not accepted. `reason` is for the journal, and never for whoever presented it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    account: str
    session: str
    id: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class _Known:
    """A key with its public half, which is asked for on every check."""

    key: SigningKey
    public: Any


class AccessTokens:
    """Issues and verifies."""

    def __init__(self, ring: Keyring, clock: Clock, ids: Ids, issuer: str, audience: str) -> None:
        self._ring = ring
        self._clock = clock
        self._ids = ids
        self._issuer, self._audience = issuer, audience
        self._headers: Mapping[bytes, _Known] = {}
        self._headers_of: object = None

    def issue(self, account: str, session: str, extra: Mapping[str, str] | None = None) -> str:
        """Return a new token for a session; `extra` is what a client's token says beside (RFC 9068)."""
        now = self._now()
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": account,
            "sid": session,
            "jti": self._ids.new(),
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
            **(extra or {}),
        }
        return _signed(claims, self._ring.ring.keys[0])

    def verify(self, token: bytes) -> Claims:
        """Return what a token says; raises `Refused` unless it is one of ours and its time is now."""
        if len(token) > LARGEST:
            raise Refused("oversized")
        key = self._key(token.partition(b".")[0])
        if key is None:
            raise Refused("header")
        claims = self._decoded(token, key)
        now = self._now()
        if now >= claims["exp"]:
            raise Refused("expired")
        if now + _EARLY_SECONDS < max(claims["nbf"], claims["iat"]):
            raise Refused("not yet valid")
        return Claims(claims["sub"], claims["sid"], claims["jti"], claims["exp"])

    def _decoded(self, token: bytes, key: _Known) -> dict[str, Any]:
        options: Any = {
            "require": list(_CLAIMS),
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
            "strict_aud": True,
        }
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[key.key.algorithm],
                audience=self._audience,
                issuer=self._issuer,
                options=options,
            )
        except jwt.InvalidSignatureError as error:
            raise Refused("signature") from error
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Refused("claims") from error
        if not _well_typed(claims):
            raise Refused("claims")
        return claims

    def _key(self, header: bytes) -> _Known | None:
        known = self._known_headers()
        if header not in known and self._ring.reread():
            known = self._known_headers()
        found = known.get(header)
        return found if found is not None and accepted(found.key, self._now()) else None

    def _known_headers(self) -> Mapping[bytes, _Known]:
        """Return the header that each key's tokens begin with; made anew when the ring is another."""
        ring = self._ring.ring
        if self._headers_of is not ring:
            self._headers = {
                _signed({}, key).partition(".")[0].encode(): _Known(key, key.private.public_key()) for key in ring.keys
            }
            self._headers_of = ring
        return self._headers

    def _now(self) -> int:
        return self._clock.wall_ns() // _NS


def _signed(claims: dict[str, Any], key: SigningKey) -> str:
    return jwt.encode(claims, key.private, algorithm=key.algorithm, headers={"typ": _TYPE, "kid": key.kid})


def _well_typed(claims: Mapping[str, Any]) -> bool:
    texts = all(isinstance(claims[name], str) for name in ("sub", "sid", "jti"))
    return texts and all(type(claims[name]) is int for name in ("iat", "nbf", "exp"))
