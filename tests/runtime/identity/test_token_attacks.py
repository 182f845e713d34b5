"""One test for each class of attack on access tokens that was published; each is refused in the same words."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steersman.model.errors import Unauthenticated
from steersman.runtime.identity.admission import NOT_VALID
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.tokens import LARGEST, LIFETIME_SECONDS


def part(value: Any) -> bytes:
    text = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


@pytest.fixture
def token(desk: Any) -> bytes:
    desk.add("ines", "viewer")
    good: bytes = desk.sign_in("ines").access.encode()
    assert desk.identity.admission.check(good, "").subject == "ines"
    return good


def claims_of(token: bytes) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def header_of(token: bytes) -> dict[str, Any]:
    return jwt.get_unverified_header(token)


def signed(identity: Identity, claims: dict[str, Any], **header: Any) -> bytes:
    """A token under the platform's own key: what only a bug, or a stolen key, could make."""
    key = identity.ring.ring.keys[0]
    ours = json.loads(base64.urlsafe_b64decode(next(iter(identity.tokens._known_headers())) + b"=="))
    head = part({**ours, **header}) + b"." + part(claims)
    return head + b"." + part(key.private.sign(head))


def refused(desk: Any, token: bytes, reason: str) -> None:
    with pytest.raises(Unauthenticated) as raised:
        desk.identity.admission.check(token, "192.0.2.9")
    assert raised.value.message == NOT_VALID
    assert desk.told("identity.token.refused")[-1] == {"reason": reason}


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.requirement("ASVS-9.1.2")
def test_alg_none_is_refused(desk: Any, token: bytes, algorithm: str) -> None:
    """CVE-2015-9235 and its spellings: an unsigned token."""
    header = {**header_of(token), "alg": algorithm}
    for signature in (b"", token.rpartition(b".")[2]):
        refused(desk, part(header) + b"." + part(claims_of(token)) + b"." + signature, "header")


@pytest.mark.requirement("ASVS-9.1.2")
def test_hs256_with_the_public_key_is_refused(desk: Any, token: bytes) -> None:
    """CVE-2022-29217: the public key, in any of its forms, as the secret of a symmetric signature."""
    key = desk.identity.ring.ring.keys[0]
    public = key.private.public_key()
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        public.public_bytes(Encoding.Raw, PublicFormat.Raw),
        json.dumps(key.public).encode(),
    ]
    hmac_of = jwt.get_algorithm_by_name("HS256")
    for form in forms:
        head = part({**header_of(token), "alg": "HS256"}) + b"." + part(claims_of(token))
        refused(desk, head + b"." + part(hmac_of.sign(head, form)), "header")


def test_another_asymmetric_algorithm_is_refused(desk: Any, token: bytes) -> None:
    rsa = generate_private_key(65537, 2048)
    for algorithm in ("RS256", "PS256"):
        forged = jwt.encode(claims_of(token), rsa, algorithm, headers={"typ": "at+jwt", "kid": header_of(token)["kid"]})
        refused(desk, forged.encode(), "header")


@pytest.mark.requirement("ASVS-9.1.1")
def test_a_stranger_s_key_is_refused_under_its_own_kid_and_under_ours(desk: Any, token: bytes) -> None:
    stranger = Ed25519PrivateKey.generate()
    for kid, reason in (("another", "header"), (header_of(token)["kid"], "signature")):
        forged = jwt.encode(claims_of(token), stranger, "EdDSA", headers={"typ": "at+jwt", "kid": kid})
        refused(desk, forged.encode(), reason)


@pytest.mark.parametrize(
    "kid", ["../../../../dev/null", "/etc/passwd", "' OR 1=1 --", "http://evil.example/key", "\0", "", None, 7, ["x"]]
)
def test_a_kid_that_is_a_path_or_a_question_is_refused(desk: Any, token: bytes, kid: Any) -> None:
    """The kid names a key and is never a place to look."""
    rest = token.partition(b".")[2]
    refused(desk, part({**header_of(token), "kid": kid}) + b"." + rest, "header")


@pytest.mark.parametrize("extra", [{"jwk": {"kty": "OKP"}}, {"jku": "http://evil.example"}, {"x5u": "http://evil.example"}, {"crit": ["exp"]},
                                   {"b64": False}, {"zip": "DEF"}, {"cty": "JWT"}])  # fmt: skip
@pytest.mark.requirement("ASVS-9.1.3")
def test_a_key_or_a_condition_that_comes_along_is_refused(desk: Any, token: bytes, extra: dict[str, Any]) -> None:
    """CVE-2018-0114 and its kin: even under our own signature, such a header is none of ours."""
    refused(desk, signed(desk.identity, claims_of(token), **extra), "header")


@pytest.mark.parametrize("typ", ["JWT", "at+JWT", "id+jwt", "logout+jwt", "application/at+jwt", None])
@pytest.mark.requirement("ASVS-9.2.2")
def test_another_type_of_token_is_refused(desk: Any, token: bytes, typ: str | None) -> None:
    """A token for another purpose, under our own key, opens nothing (RFC 8725, 3.11)."""
    refused(desk, signed(desk.identity, claims_of(token), typ=typ), "header")


@pytest.mark.requirement("ASVS-1.5.3")
def test_duplicated_members_of_the_header_are_refused(desk: Any, token: bytes) -> None:
    """Two readers of one header must not see two algorithms."""
    text = json.dumps(header_of(token))
    for doubled in (text[:-1] + ', "alg": "none"}', '{"alg": "none", ' + text[1:]):
        refused(desk, part(doubled.encode()) + b"." + token.partition(b".")[2], "header")


@pytest.mark.requirement("ASVS-9.2.1")
def test_an_expired_token_is_refused(desk: Any, token: bytes) -> None:
    desk.clock.tick(LIFETIME_SECONDS - 1)
    assert desk.identity.admission.check(token, "").subject == "ines"
    desk.clock.tick(1)
    assert desk.identity.admission.known(token) is None
    refused(desk, token, "expired")


@pytest.mark.requirement("ASVS-9.2.1")
def test_a_token_that_is_not_yet_valid_is_refused(desk: Any, token: bytes) -> None:
    claims = claims_of(token)
    assert desk.identity.admission.check(signed(desk.identity, claims), "").subject == "ines"
    for name in ("nbf", "iat"):
        refused(desk, signed(desk.identity, {**claims, name: claims[name] + 60}), "not yet valid")


@pytest.mark.parametrize(
    "audience", ["another", ["steersman"], ["steersman", "another"], "", None, "steersman.evil.example"]
)
@pytest.mark.requirement("ASVS-9.2.3", "ASVS-10.3.1")
def test_a_token_for_somebody_else_is_refused(desk: Any, token: bytes, audience: Any) -> None:
    refused(desk, signed(desk.identity, {**claims_of(token), "aud": audience}), "claims")


@pytest.mark.parametrize("issuer", ["another", "steer", "", None, ["steersman"]])
def test_a_token_of_another_issuer_is_refused(desk: Any, token: bytes, issuer: Any) -> None:
    """CVE-2024-53861: an issuer that is part of the right one is not the right one."""
    refused(desk, signed(desk.identity, {**claims_of(token), "iss": issuer}), "claims")


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"])
def test_a_token_without_a_claim_is_refused(desk: Any, token: bytes, name: str) -> None:
    claims = {key: value for key, value in claims_of(token).items() if key != name}
    refused(desk, signed(desk.identity, claims), "claims")


@pytest.mark.parametrize(("name", "value"), [("exp", "9999999999"), ("exp", 9e12), ("exp", True), ("exp", None), ("nbf", []), ("iat", "x"), ("sub", 7),
                                             ("sid", None), ("jti", {})])  # fmt: skip
@pytest.mark.requirement("ASVS-15.3.5")
def test_a_mistyped_claim_is_refused(desk: Any, token: bytes, name: str, value: Any) -> None:
    refused(desk, signed(desk.identity, {**claims_of(token), name: value}), "claims")


def test_a_session_of_another_account_is_refused(desk: Any, token: bytes) -> None:
    """The parts of a token belong together, even under our own key."""
    other = desk.add("otto", "admin")
    refused(desk, signed(desk.identity, {**claims_of(token), "sub": other.id}), "session")
    refused(desk, signed(desk.identity, {**claims_of(token), "sid": "no-such-session"}), "session")


@pytest.mark.requirement("ASVS-9.2.2")
def test_a_refresh_token_is_no_access_token(desk: Any) -> None:
    desk.add("ines", "viewer")
    refused(desk, desk.sign_in("ines").refresh.encode(), "header")


def test_an_access_token_is_no_refresh_token(desk: Any, token: bytes) -> None:
    with pytest.raises(Unauthenticated):
        desk.identity.refreshed(token.decode(), "192.0.2.9")


def test_an_oversized_token_is_refused_unread(desk: Any, token: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwt, "decode", None)
    head = token.rpartition(b".")[0]
    refused(desk, head + b"." + b"A" * LARGEST, "oversized")


def test_a_token_of_a_key_that_is_long_gone_is_refused(desk: Any, token: bytes) -> None:
    claims, old = claims_of(token), desk.identity.ring.ring.keys[0]
    desk.identity.ring.rotate(desk.identity.now_ms() // 1000)
    assert desk.identity.admission.check(token, "").subject == "ines"
    desk.clock.tick(17 * 60)
    now = desk.identity.now_ms() // 1000
    fresh = {**claims, "iat": now, "nbf": now, "exp": now + 60}
    refused(desk, jwt.encode(fresh, old.private, "EdDSA", headers={"typ": "at+jwt", "kid": old.kid}).encode(), "header")


MUTATIONS: list[Callable[[bytes], bytes]] = [
    lambda token: token + b"A",
    lambda token: token[:-1],
    lambda token: token + b".",
    lambda token: b"." + token,
    lambda token: token.replace(b".", b"..", 1),
    lambda token: token + b"=",
    lambda token: token + b"\n",
    lambda token: token.upper(),
    lambda token: b"",
    lambda token: b"..",
]


@pytest.mark.parametrize("mutate", MUTATIONS)
def test_another_spelling_of_a_token_is_refused(desk: Any, token: bytes, mutate: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Unauthenticated, match=NOT_VALID):
        desk.identity.admission.check(mutate(token), "")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
@pytest.mark.requirement("ASVS-7.2.1", "ASVS-9.1.1")
def test_no_changed_byte_of_a_token_is_accepted_as_somebody_else(desk: Any, token: bytes, data: st.DataObject) -> None:
    """Whatever is altered, it is refused; the unused bits of the last sign are all that may differ."""
    at = data.draw(st.integers(0, len(token) - 2))
    changed = bytearray(token)
    changed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unauthenticated):
        desk.identity.admission.check(bytes(changed), "")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_noise_is_refused_in_the_same_words(desk: Any, noise: bytes) -> None:
    with pytest.raises(Unauthenticated, match=NOT_VALID):
        desk.identity.admission.check(noise, "")
