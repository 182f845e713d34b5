"""Passwords that somebody else tries first: told from rules, and looked up in a file of the administrator's own.

The rules undo what people do to a poor word to get it past a length: repeat it, append a year, write `@` for `a`, walk
along the keyboard. There is no list of passwords in here; a list of leaked ones comes as a file.
"""

from __future__ import annotations

import hashlib
import mmap
import re
from collections.abc import Iterable
from pathlib import Path

#: What a password is built of when nobody thinks of one: words for itself, for this place, and for what people like.
_ROOTS = frozenset(
    (
        "password", "passwort", "passphrase", "secret", "login", "admin", "administrator", "root", "user", "guest",
        "manager", "operator", "viewer", "welcome", "hello", "letmein", "changeme", "default", "test", "testing",
        "temp", "master", "access", "system", "server", "database", "steersman", "platform", "company", "internet",
        "computer", "football", "baseball", "soccer", "dragon", "monkey", "tiger", "sunshine", "princess",
        "iloveyou", "love", "summer", "winter", "spring", "autumn", "january", "monday", "friday", "qwerty", "asdf",
        "zxcv", "abc", "woaini", "mima", "wo", "ni", "ai", "my", "is", "the", "it", "me", "in", "let", "please",
        "this", "new", "old", "super",
    )
)  # fmt: skip
_LEET = str.maketrans({"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t"})
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz", "1qaz2wsx3edc4rfv5tgb6yhn")
_LONGEST_ROOT = max(map(len, _ROOTS))
#: A walk shorter than this is a syllable.
_STEPS = 4
#: So many characters that are neither a walk nor a common word are a thought of one's own.
_OWN = 4


def easily_guessed(password: str) -> bool:
    """Tell whether almost all of a password is repetition, a walk over keys or common words."""
    text = password.casefold()
    unit = _unrepeated(text)
    forms = {text, unit, text.translate(_LEET), unit.translate(_LEET)}
    return len(unit) <= _OWN or any(_own_part(form) < _OWN for form in forms)


def _unrepeated(text: str) -> str:
    """Return the shortest beginning that makes up the whole when it is repeated."""
    for size in range(1, len(text)):
        if (text[:size] * (len(text) // size + 1)).startswith(text):
            return text[:size]
    return text


def _own_part(text: str) -> int:
    """Count the letters that are in no walk and no common word; digits and signs are what is appended to them."""
    rest = re.sub(r"[^\w]|_", " ", _without_walks(text))
    return sum(_left_over(word) for word in re.findall(r"[^\W\d]+", rest)) + _figures(rest)


def _figures(text: str) -> int:
    """Count digits beyond a date: eight of them are a birthday."""
    return max(0, sum(sign.isdigit() for sign in text) - 8)


def _without_walks(text: str) -> str:
    for row in (*_ROWS, *(row[::-1] for row in _ROWS)):
        ring = row + row
        at = 0
        while at < len(text):
            size = _shared(text, at, ring)
            if size >= _STEPS:
                text = f"{text[:at]} {text[at + size :]}"
            at += 1
    return text


def _shared(text: str, at: int, ring: str) -> int:
    """Return how many characters from `at` are in the ring one after the other."""
    size = _STEPS
    while at + size <= len(text) and text[at : at + size] in ring:
        size += 1
    return size - 1


def _left_over(word: str) -> int:
    """Return the fewest letters that remain when common words are taken out."""
    best = [0] * (len(word) + 1)
    for end in range(1, len(word) + 1):
        starts = range(max(0, end - _LONGEST_ROOT), end - 1)
        taken = (best[start] for start in starts if word[start:end] in _ROOTS)
        best[end] = min([best[end - 1] + 1, *taken])
    return best[-1]


def names_the_person(password: str, names: Iterable[str]) -> bool:
    """Tell whether a password is little more than the name or the address of whoever it is for."""
    text = rest = password.casefold().translate(_LEET)
    parts = {part for name in names for part in (name, *re.split(r"[\W_]+", name)) if len(part) >= _OWN}
    for part in sorted(parts, key=len, reverse=True):
        rest = rest.replace(part.casefold().translate(_LEET), "")
    return len(rest) < len(text) and sum(sign.isalpha() for sign in rest) < _OWN


def is_listed(password: str, file: Path) -> bool:
    """Look for a password in a file of leaked ones, a line each: as it is, or as SHA-1 in capitals with a count or not.

    Raises `OSError` where the file cannot be read.
    """
    plain = password.encode()
    digest = hashlib.sha1(plain, usedforsecurity=False).hexdigest().upper().encode()
    if file.stat().st_size == 0:
        return False
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return any(_is_line(text, wanted, ends) for wanted, ends in ((plain, b"\r\n"), (digest, b"\r\n:")))


def _is_line(text: mmap.mmap, wanted: bytes, ends: bytes) -> bool:
    at = text.find(wanted)
    while at >= 0:
        after = text[at + len(wanted) : at + len(wanted) + 1]
        if (at == 0 or text[at - 1 : at] == b"\n") and (not after or after in ends):
            return True
        at = text.find(wanted, at + 1)
    return False
