"""Which passwords are accepted, and that a comparison tells nothing by its length."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.model.errors import InvalidInput, Permanent
from steersman.runtime.identity.passwords import LONGEST, Passwords
from steersman.runtime.identity.weak import easily_guessed, is_listed

GOOD = "a green kettle sings by itself"


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


@pytest.mark.parametrize("text", [GOOD, "correct horse battery staple", "xK9#mQ2$vL7p", "тихий чайник поёт", "安静的水壶会唱歌很久了呢",
                                  "x" * 12 + "quiet lamp", "🦀🫖🪣🧭 ships at dawn"])  # fmt: skip
@pytest.mark.requirement("ASVS-6.2.5")
def test_a_sentence_in_any_script_is_accepted(passwords: Passwords, text: str) -> None:
    """There is no rule about kinds of signs."""
    assert passwords.matches(passwords.chosen(text, "ines"), text)


@pytest.mark.parametrize(
    "text",
    [
        "password1234", "P@ssw0rd2024!", "Passw0rd!Passw0rd!", "qwertyuiop12", "123456789012", "aaaaaaaaaaaaaaa", "abcabcabcabc",
        "1qaz2wsx3edc", "letmein2026!!", "Welcome12345", "iloveyou2024", "admin123admin", "abcdefghijklmn", "zxcvbnm12345",
        "steersman2026", "changeme1234!", "Summer2025!!!", "woaini1314520", "00000000000000", "19840521198405",
    ],
)  # fmt: skip
@pytest.mark.requirement("ASVS-6.2.4")
def test_what_is_tried_first_is_refused(passwords: Passwords, text: str) -> None:
    with pytest.raises(InvalidInput, match="tried first"):
        passwords.chosen(text)


@pytest.mark.parametrize("text", ["short one", "k9#mQ2$vL7p", "﷽" * 11])
@pytest.mark.requirement("ASVS-6.2.1")
def test_eleven_signs_are_too_few_however_they_unfold(passwords: Passwords, text: str) -> None:
    with pytest.raises(InvalidInput, match="at least 12"):
        passwords.chosen(text)


@pytest.mark.requirement("ASVS-6.2.8", "ASVS-6.2.9")
def test_nothing_is_cut_off(passwords: Passwords) -> None:
    """What differs only in the last of 128 signs is another password; 129 are refused and never compared."""
    long = ("a green kettle sings. " * 10)[: LONGEST - 1]
    stored = passwords.chosen(long + "x")
    assert passwords.matches(stored, long + "x")
    assert not passwords.matches(stored, long + "y")
    assert not passwords.matches(stored, long + "xx")
    with pytest.raises(InvalidInput, match="at most 128"):
        passwords.chosen(long + "xx")


def test_two_keyboards_write_one_password(passwords: Passwords) -> None:
    """An accent may be a sign of its own or part of its letter."""
    text = "le café fermé à minuit"
    stored = passwords.chosen(unicodedata.normalize("NFD", text))
    assert passwords.matches(stored, unicodedata.normalize("NFC", text))


@pytest.mark.parametrize("text", ["ines.keller", "ines.keller1234", "InesKeller99!", "kellerkeller12"])
@pytest.mark.requirement("ASVS-6.2.11")
def test_ones_own_name_is_no_password(passwords: Passwords, text: str) -> None:
    with pytest.raises(InvalidInput):
        passwords.chosen(text + "....", "ines", "ines.keller@example.com")


@pytest.mark.requirement("ASVS-11.4.2")
def test_the_parameters_are_those_that_were_chosen(passwords: Passwords) -> None:
    assert passwords.chosen(GOOD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.requirement("ASVS-6.3.8")
def test_nobody_is_compared_with_as_much_work(passwords: Passwords) -> None:
    """Without a stored hash, or with a password that cannot be one, exactly one hash is computed all the same."""
    stored, seen = passwords.chosen(GOOD), list[str]()
    noting = Passwords(same=lambda kept, _text: not seen.append(kept))
    for kept, text in (
        (stored, GOOD),
        (stored, "wrong"),
        (None, GOOD),
        (stored, "x" * 5000),
        (None, ""),
        (stored, "\ud800"),
    ):
        noting.matches(kept, text)
    assert len(seen) == 6
    assert {kept.split("$")[3] for kept in seen} == {"m=19456,t=2,p=1"}


@pytest.mark.requirement("ASVS-6.2.12")
def test_a_leaked_password_is_found_in_the_administrators_file(tmp_path: Path) -> None:
    """As itself or as its SHA-1, with a count or without, first, last and in the middle."""
    digest = hashlib.sha1(b"violet harbour seventeen").hexdigest().upper()
    for lines in (
        ["violet harbour seventeen", "x"],
        ["x", "violet harbour seventeen"],
        ["y", f"{digest}:42", "x"],
        [digest],
    ):
        file = tmp_path / "leaked"
        file.write_text("\n".join(lines))
        assert is_listed("violet harbour seventeen", file)
        assert not is_listed("violet harbour sevente", file)
        assert not is_listed("iolet harbour seventeen", file)
    with pytest.raises(InvalidInput, match="tried first"):
        Passwords(file).chosen("violet harbour seventeen")
    file.write_text("")
    assert not is_listed("x", file)


@pytest.mark.requirement("ASVS-16.5.3")
def test_a_list_that_cannot_be_read_accepts_nothing(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="cannot be read"):
        Passwords(tmp_path / "gone").chosen(GOOD)


def test_a_damaged_hash_says_what_to_do(passwords: Passwords) -> None:
    with pytest.raises(Permanent, match="set that password anew"):
        passwords.matches("$argon2id$nonsense", GOOD)


@settings(max_examples=300)
@given(st.text(max_size=200))
def test_any_text_is_judged(text: str) -> None:
    """No sign makes the rules fail or hang."""
    easily_guessed(text)
