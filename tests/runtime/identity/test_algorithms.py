"""Other algorithms than Ed25519, for verifiers that lack it; and what does not change with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jwt
import pytest

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.model.errors import Unauthenticated
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.settings import IdentitySettings

TIMELESS = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}


def opened(folder: Path, algorithm: str) -> Identity:
    settings = IdentitySettings.model_validate({"signing_algorithm": algorithm})
    return Identity.open(fake_ports(folder, clock=FakeClock()), [], settings)


@pytest.mark.parametrize("algorithm", ["PS256", "RS256"])
@pytest.mark.requirement("ASVS-11.6.1")
def test_a_stranger_verifies_with_the_published_key_and_the_named_algorithm_only(
    tmp_path: Path, algorithm: str
) -> None:
    """The outside oracle is PyJWT with the published set."""
    identity = opened(tmp_path, algorithm)
    token = identity.tokens.issue("account", "session")
    header = jwt.get_unverified_header(token)
    keys = jwt.PyJWKSet.from_dict(identity.ring.published(identity.now_ms() // 1000))
    claims = jwt.decode(token, keys[header["kid"]].key, [algorithm], audience="steersman", options=TIMELESS)
    assert (header["alg"], header["typ"], claims["iss"]) == (algorithm, "at+jwt", "steersman")
    assert identity.tokens.verify(token.encode()).session == "session"


@pytest.mark.requirement("ASVS-9.1.2")
def test_a_key_signs_with_its_own_algorithm_and_no_other(tmp_path: Path) -> None:
    """RS256 under the key that is published for PS256 is refused, though the key is the same."""
    identity = opened(tmp_path, "PS256")
    token = identity.tokens.issue("account", "session")
    claims = jwt.decode(token, options={"verify_signature": False})
    key = identity.ring.ring.keys[0]
    forged = jwt.encode(claims, key.private, "RS256", headers={"typ": "at+jwt", "kid": key.kid})
    with pytest.raises(Unauthenticated):
        identity.admission.check(forged.encode(), "")


def test_legacy_algorithms_are_off_unless_the_settings_name_them() -> None:
    assert IdentitySettings().signing_algorithm == "EdDSA"
    with pytest.raises(ValueError, match="signing_algorithm"):
        IdentitySettings.model_validate({"signing_algorithm": "HS256"})


@pytest.mark.parametrize("address", ["https://steersman.example", "http://localhost:7600"])
def test_a_public_address_is_whose_tokens_these_are(address: str) -> None:
    assert IdentitySettings(public_address=address).named_issuer == address
    assert IdentitySettings(public_address=address, issuer="another").named_issuer == "another"


@pytest.mark.parametrize("given", [
    {"public_address": "https://x.example/path"}, {"public_address": "x.example"}, {"public_address": "https://X.example"},
    {"providers": {"p": {"issuer": "http://id.example", "client_id": "x"}}}, {"providers": {"p": {"issuer": "https://id.example/?x", "client_id": "x"}}},
    {"providers": {"p": {"issuer": "https://id.example", "client_id": "x", "algorithms": ["HS256"]}}},
])  # fmt: skip
def test_a_setting_that_would_open_a_door_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        IdentitySettings.model_validate(given)
