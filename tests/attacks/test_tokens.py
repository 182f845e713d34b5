"""Classes of attack on tokens, as published for PyJWT and Authlib, each against the running platform.

tests/runtime/identity/test_token_attacks.py looks at the same door from inside; here it is a stranger with a socket.
"""

from __future__ import annotations

import base64
import hmac
import json
import zlib
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Forge = Callable[..., str]


@pytest.fixture(scope="module")
def ines(target: Any) -> Any:
    return target.person("viewer")


def refused(target: Any, token: str) -> None:
    """A token that opens nothing gets the one answer that tells nothing."""
    answer = target.ask("GET", "/auth/me", {"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")
    assert answer.text == target.ask("GET", "/auth/me", {"authorization": "Bearer nonsense"}).text


def published_key(target: Any) -> dict[str, Any]:
    """The key that good tokens are verified with, as anybody may read it."""
    found: dict[str, Any] = next(key for key in target.ask("GET", "/auth/jwks").json()["keys"] if key["kty"] == "OKP")
    return found


def test_a_good_token_opens(target: Any, ines: Any) -> None:
    """Or else everything below would pass against a door that is nailed shut."""
    assert target.ask("GET", "/auth/me", ines.headers).json()["subject"] == ines.name


@pytest.mark.requirement("ASVS-9.1.2")
@pytest.mark.parametrize("spelling", ["none", "None", "NONE", "nOnE", ""])
def test_pyjwt_alg_none(target: Any, ines: Any, forge: Forge, spelling: str) -> None:
    """CVE-2015-9235 and its kin: a token that says it needs no signature."""
    refused(target, forge(ines.access, header={"alg": spelling}, signature=b""))
    refused(target, forge(ines.access, header={"alg": spelling}))


@pytest.mark.requirement("ASVS-9.1.2")
def test_pyjwt_key_confusion(target: Any, ines: Any, forge: Forge) -> None:
    """CVE-2022-29217 (PyJWT), CVE-2024-37568 (Authlib): the public key, however it is written, as an HMAC secret."""
    key = published_key(target)
    raw = base64.urlsafe_b64decode(key["x"] + "==")
    public = Ed25519PublicKey.from_public_bytes(raw)
    forms = [raw, json.dumps(key).encode(), public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
             public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)]  # fmt: skip
    for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512")):
        for form in forms:
            unsigned = forge(ines.access, header={"alg": algorithm}, signature=b"").rpartition(".")[0]
            refused(
                target,
                forge(ines.access, header={"alg": algorithm}, signature=hmac.digest(form, unsigned.encode(), digest)),
            )


@pytest.mark.requirement("ASVS-9.2.3", "ASVS-9.2.4")
@pytest.mark.parametrize(
    "change", [{"iss": "steers"}, {"iss": ""}, {"iss": ["steersman"]}, {"aud": "other"}, {"aud": []}, {"sub": "root"}]
)
def test_pyjwt_partial_issuer_match(target: Any, ines: Any, forge: Forge, change: dict[str, Any]) -> None:
    """CVE-2024-53861: an issuer that only contains, or is contained in, the right one; claims are changed at all."""
    refused(target, forge(ines.access, claims=change))


@pytest.mark.requirement("ASVS-9.1.1")
@pytest.mark.parametrize(
    "header", [{"crit": ["bork"], "bork": True}, {"crit": ["b64"], "b64": False}, {"crit": []}, {"crit": "exp"}]
)
def test_pyjwt_unknown_critical_header(target: Any, ines: Any, forge: Forge, header: dict[str, Any]) -> None:
    """CVE-2026-32597 (PyJWT), CVE-2025-59420 (Authlib): a condition that the verifier does not understand."""
    refused(target, forge(ines.access, header=header))


@pytest.mark.requirement("ASVS-9.1.3")
def test_authlib_key_in_the_token(target: Any, ines: Any) -> None:
    """CVE-2026-27962: signed by a stranger, who brings the key along or names an address for it."""
    stranger = Ed25519PrivateKey.generate()
    raw = stranger.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    brought = {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}
    claims = jwt.decode(ines.access, options={"verify_signature": False})
    typ = jwt.get_unverified_header(ines.access)["typ"]
    for header in ({"jwk": brought}, {"jku": f"{target.origin}/auth/jwks"}, {"x5u": "https://attacker.example/cert"}):
        refused(target, jwt.encode(claims, stranger, "EdDSA", headers={"typ": typ, **header}))
        kid = published_key(target)["kid"]
        refused(target, jwt.encode(claims, stranger, "EdDSA", headers={"typ": typ, "kid": kid, **header}))


@pytest.mark.parametrize(
    "kid", ["../../../../dev/null", "' UNION SELECT 'key' --", "|cat /etc/passwd", "http://attacker.example", "\u0000"]
)
def test_pyjwt_key_id_as_a_place_to_look(target: Any, ines: Any, forge: Forge, kid: str) -> None:
    """A whole family of advisories: the key id opens a file, a query or a command."""
    refused(target, forge(ines.access, header={"kid": kid}))


@pytest.mark.requirement("ASVS-1.3.3")
def test_authlib_segments_without_an_end(target: Any, ines: Any) -> None:
    """CVE-2025-61920: a header or a signature of megabytes is not decoded before it is refused."""
    head, body, seal = ines.access.split(".")
    for token in (f"{'A' * 60_000}.{body}.{seal}", f"{head}.{body}.{'A' * 60_000}"):
        answer = target.ask("GET", "/auth/me", {"authorization": f"Bearer {token}"})
        assert answer.status_code in {400, 401, 431}


def test_authlib_encrypted_bomb(target: Any) -> None:
    """CVE-2025-62706: an encrypted token that unfolds into gigabytes; encrypted ones are none of ours."""
    bomb = zlib.compress(b"\0" * 10_000_000, 9)[2:-4]
    header = json.dumps({"alg": "dir", "enc": "A256GCM", "zip": "DEF"}).encode()
    parts = (header, b"", b"0" * 12, bomb[:2000], b"0" * 16)
    refused(target, ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts))


@pytest.mark.requirement("ASVS-9.2.2")
def test_a_refresh_token_is_no_access_token(target: Any, ines: Any) -> None:
    """A token for one purpose opens nothing else: cross-use is in the advisories of all three libraries."""
    refused(target, ines.refresh)
    answer = target.ask("POST", "/auth/refresh", json={"refresh_token": ines.access})
    assert answer.status_code == 401


def test_litellm_cached_by_the_first_signs(target: Any, ines: Any, make_person: Any) -> None:
    """CVE-2026-35030: what was verified for one token stands for every other that begins in the same way."""
    admin = make_person("admin")
    for _ in range(3):
        assert target.ask("GET", "/auth/me", admin.headers).status_code == 200
    head, body, seal = admin.access.split(".")
    for prefix in (admin.access[:20], head + ".", f"{head}.{body}."):
        refused(target, prefix + "A" * (len(admin.access) - len(prefix)))
    refused(target, f"{head}.{body}.{ines.access.rpartition('.')[2]}")
    refused(target, f"{head}.{ines.access.split('.')[1]}.{seal}")


@pytest.mark.parametrize("doubled", ['{"alg":"none","alg":"EdDSA"}', '{"alg":"EdDSA","alg":"none"}'])
def test_one_name_twice_in_a_header(target: Any, ines: Any, doubled: str) -> None:
    """Two readers of one token that believe different halves of it."""
    head = base64.urlsafe_b64encode(doubled.encode()).rstrip(b"=").decode()
    refused(target, f"{head}.{ines.access.partition('.')[2]}")


def test_a_token_that_was_wrapped_or_padded(target: Any, ines: Any) -> None:
    """Spaces, padding, line breaks and other alphabets make other names for one token, which caches and lists miss."""
    head, body, seal = ines.access.split(".")
    for other in (f"{head}=.{body}.{seal}", f"{head}.{body}.{seal}=", f"{head}.{body}.{seal}A", f"{head}..{body}.{seal}",
                  ines.access.replace("_", "/").replace("-", "+") + ".", f"{ines.access}.{ines.access}"):  # fmt: skip
        refused(target, other)
