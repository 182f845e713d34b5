"""Hides what was recognised and keeps its form, so that people can still tell two numbers apart and see what it was.

Masking what is masked changes nothing. A secret is hidden whole: a part of a key is a part of the search for the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from steersman.engine.personal.kinds import SECRETS, Found, Kind
from steersman.engine.personal.recognising import LIKELY, recognise

HIDDEN = "(hidden)"
#: How many signs at the beginning and at the end stay.
_KEPT: dict[Kind, tuple[int, int]] = {
    Kind.RESIDENT_ID: (3, 2),
    Kind.MOBILE: (3, 4),
    Kind.PHONE: (3, 2),
    Kind.PLATE: (2, 1),
    Kind.CREDIT_CODE: (2, 4),
    Kind.CARD: (0, 4),
    Kind.IBAN: (4, 2),
    Kind.VAT: (2, 2),
    Kind.SSN: (0, 2),
    Kind.NINO: (1, 1),
    Kind.PASSPORT: (1, 2),
    Kind.BIRTH: (0, 0),
    Kind.MAC: (6, 0),
    Kind.WALLET: (4, 2),
}


def mask(text: str, kinds: Collection[Kind] | None = None, least: float = LIKELY) -> str:
    """Return the text with everything hidden that is at least so likely personal or secret."""
    return masked(text, recognise(text, kinds, least))


def masked(text: str, found: Iterable[Found]) -> str:
    """Hide what was found, which is in the order of the text."""
    parts, at = [], 0
    for one in found:
        parts += [text[at : one.start], _hidden(one.kind, text[one.start : one.end])]
        at = one.end
    return "".join([*parts, text[at:]]) if parts else text


def _hidden(kind: Kind, text: str) -> str:
    if kind in SECRETS:
        return HIDDEN
    if kind is Kind.EMAIL:
        name, _, domain = text.partition("@")
        return f"{name[0]}***@{domain}"
    if kind is Kind.IP:
        return _of_network(text)
    head, tail = _KEPT[kind]
    places = [place for place, sign in enumerate(text) if sign.isalnum()]
    hidden = set(places[head : len(places) - tail])
    return "".join("*" if place in hidden else sign for place, sign in enumerate(text))


def _of_network(text: str) -> str:
    if ":" in text:
        return ":".join(text.split(":")[:2]) + ":*"
    return text.rpartition(".")[0] + ".*"
