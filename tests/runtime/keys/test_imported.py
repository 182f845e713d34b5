"""What other systems protected is read as they would, and anything else is refused."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.security import generate_password_hash

from steersman.model.errors import InvalidInput
from steersman.runtime.identity.passwords import Passwords
from steersman.runtime.keys.imported import MOST_ROUNDS, FernetKeys, foreign_hash

passwords = st.text(st.characters(codec="utf-8"), max_size=40)


@settings(max_examples=20)
@given(st.binary(max_size=300))
def test_tokens_of_every_key_open_as_with_multifernet(content: bytes) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    keys, theirs = FernetKeys([new, old, ""]), MultiFernet([Fernet(new), Fernet(old)])
    for token in (Fernet(old).encrypt(content), theirs.encrypt(content), Fernet(old).encrypt_at_time(content, 1)):
        assert keys.open(token.decode()) == theirs.decrypt(token) == content


def test_altered_tokens_and_wrong_keys_are_refused() -> None:
    key = Fernet.generate_key().decode()
    token = bytearray(Fernet(key).encrypt(b"secret"))
    for at in range(len(token)):
        altered = bytes(token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :])
        try:
            assert FernetKeys([key]).open(altered.decode()) == Fernet(key).decrypt(altered)
        except InvalidInput:
            with pytest.raises(InvalidToken):
                Fernet(key).decrypt(altered)
    with pytest.raises(InvalidInput):
        FernetKeys([Fernet.generate_key().decode()]).open(token.decode())
    for bad in ("x", "☃", base64.urlsafe_b64encode(bytes(31)).decode()):
        with pytest.raises(InvalidInput):
            FernetKeys([bad])


def django(password: str, rounds: int = 1000) -> str:
    """Encode as Django's PBKDF2PasswordHasher does."""
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), b"seasalt", rounds)
    return f"pbkdf2_sha256${rounds}$seasalt${base64.b64encode(made).decode()}"


def passlib(password: str, rounds: int = 1000) -> str:
    """Encode as passlib's pbkdf2_sha256 does."""
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), b"sixteen bytes..+", rounds)
    salt, digest = (base64.b64encode(one).decode().rstrip("=").replace("+", ".") for one in (b"sixteen bytes..+", made))
    return f"$pbkdf2-sha256${rounds}${salt}${digest}"


def werkzeug(password: str, rounds: int = 1000) -> str:
    return generate_password_hash(password, f"pbkdf2:sha256:{rounds}")


@settings(max_examples=20)
@given(passwords, passwords, st.sampled_from([django, passlib, werkzeug]))
def test_hashes_of_others_match_their_password_alone(password: str, other: str, encode: object) -> None:
    found = foreign_hash(encode(password))  # type: ignore[operator]
    assert found is not None
    assert found.matches(password)
    assert found.matches(other) == (other == password)


def test_published_hashes_match() -> None:
    """From Django's tests of its hashers (1.4, 10,000 rounds) and passlib's of its own."""
    told = foreign_hash("pbkdf2_sha256$10000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=")
    assert told is not None
    assert told.matches("lètmein")
    told = foreign_hash("$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ")
    assert told is not None
    assert told.matches("password")


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "plain",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA",
        "pbkdf2_md5$1000$salt$" + "A" * 44,
        "pbkdf2_sha256$0$salt$" + "A" * 43 + "=",
        f"pbkdf2_sha256${MOST_ROUNDS + 1}$salt$" + "A" * 43 + "=",
        "pbkdf2_sha256$99999999999$salt$" + "A" * 43 + "=",
        "pbkdf2_sha256$1000$salt$" + "A" * 24,
        "pbkdf2:sha256:1000$salt$" + "ab" * 20,
        "$pbkdf2-sha256$1000$$" + "A" * 43,
        "pbkdf2_sha256$1000$salt$" + "A" * 43 + "=\n",
    ],
)
def test_anything_else_is_no_hash(stored: str) -> None:
    assert foreign_hash(stored) is None


@pytest.mark.parametrize("encode", [django, passlib, werkzeug])
def test_an_imported_hash_opens_once_more_and_is_then_one_of_ours(encode: object) -> None:
    """What sign-in does: it matches, is dated, and is replaced by Argon2id of the same password."""
    passwords, stored = Passwords(), encode("a green kettle")  # type: ignore[operator]
    assert passwords.matches(stored, "a green kettle")
    assert not passwords.matches(stored, "a red kettle")
    assert passwords.is_dated(stored)
    anew = passwords.rehashed("a green kettle")
    assert anew.startswith("$argon2id$")
    assert not passwords.is_dated(anew)
    assert passwords.matches(anew, "a green kettle")
