"""ID tokens of outside providers (OpenID Connect Core 3.1.3.7): believed only when every line of the list holds.

Signatures are asymmetric, of an algorithm that the settings allow, under a key that the provider publishes; a header
that brings a key along or asks for extensions is refused before anything is computed. Time is the platform's clock.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

_LARGEST = 16_384
#: Clocks of two machines may differ so much; a fresh token is one of the last ten minutes.
_LEEWAY_SECONDS, _FRESH_SECONDS = 60, 600
_LONGEST_SUBJECT = 255
_FAMILIES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}


class Unbelievable(Exception):
    """An ID token is not accepted. `reason` is for the journal."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token has to say."""

    issuer: str
    client: str
    nonce: str
    algorithms: Sequence[str]


def key_name(token: str) -> str:
    """Return the `kid` that a token names; empty without one. Nothing of it is believed yet."""
    return str(_header(token).get("kid") or "")


def believed(token: str, keys: Sequence[Mapping[str, Any]], expected: Expected, now_s: int) -> dict[str, Any]:
    """Return the claims of a token; raises `Unbelievable`."""
    header = _header(token)
    algorithm = header.get("alg")
    if algorithm not in expected.algorithms or {"crit", "jwk", "jku", "x5u", "b64"} & header.keys():
        raise Unbelievable("header")
    claims = _signed(token, _key(keys, header, str(algorithm)), str(algorithm))
    _check_audience(claims, expected)
    _check_time(claims, now_s)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise Unbelievable("nonce")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise Unbelievable("sub")
    return claims


def _header(token: str) -> dict[str, Any]:
    if len(token) > _LARGEST:
        raise Unbelievable("oversized")
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise Unbelievable("header") from error


def _key(keys: Sequence[Mapping[str, Any]], header: Mapping[str, Any], algorithm: str) -> jwt.PyJWK:
    """Return the published key: of the right family, for signatures, by its name; without a name the only one."""
    fitting = [
        one
        for one in keys
        if one.get("kty") == _FAMILIES[algorithm]
        and one.get("use", "sig") == "sig"
        and one.get("alg", algorithm) == algorithm
        and ("kid" not in header or one.get("kid") == header["kid"])
    ]
    if len(fitting) != 1:
        raise Unbelievable("key")
    try:
        return jwt.PyJWK(dict(fitting[0]), algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise Unbelievable("key") from error


def _signed(token: str, key: jwt.PyJWK, algorithm: str) -> dict[str, Any]:
    options: Any = {
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
        "verify_aud": False,
        "verify_iss": False,
        "verify_sub": False,
        "verify_jti": False,
    }
    try:
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options=options)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise Unbelievable("signature") from error
    return claims


def _check_audience(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise Unbelievable("iss")
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    if expected.client not in several or not all(isinstance(one, str) for one in several):
        raise Unbelievable("aud")
    party = claims.get("azp")
    if (len(several) > 1 or party is not None) and party != expected.client:
        raise Unbelievable("azp")


def _check_time(claims: Mapping[str, Any], now_s: int) -> None:
    times = [claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)]
    if not all(type(one) is int for one in times):
        raise Unbelievable("time")
    expires, issued, begins = (int(one) for one in times if one is not None)
    if now_s >= expires + _LEEWAY_SECONDS:
        raise Unbelievable("expired")
    if begins > now_s + _LEEWAY_SECONDS or abs(now_s - issued) > _FRESH_SECONDS:
        raise Unbelievable("iat")
