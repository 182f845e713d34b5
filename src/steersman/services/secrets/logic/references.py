"""References: `secret:NAME` and `vault:PATH#FIELD` stand for a value that is looked up when it is used."""

from __future__ import annotations

import re
from dataclasses import dataclass

from steersman.model.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
#: No dots alone, no empty parts: a path never climbs out of its mount.
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*){0,15}")
_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Named:
    """A secret that is kept here."""

    name: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A field of a secret in the vault."""

    path: str
    field: str


def checked_name(name: str) -> str:
    """Return a name that a secret may have; raises `InvalidInput`."""
    if not _NAME.fullmatch(name):
        raise InvalidInput("the name of a secret has letters, digits, dot, dash and underscore, 64 at most")
    return name


def parsed(text: str) -> Named | Elsewhere | None:
    """Return what a text refers to, or None for a text that is meant as it is; raises `InvalidInput`."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in {"secret", "vault"}:
        return None
    if kind == "secret":
        return Named(checked_name(rest))
    path, mark, field = rest.partition("#")
    if not mark or not _PATH.fullmatch(path) or not _FIELD.fullmatch(field) or len(path) > 400:
        raise InvalidInput("a reference to the vault is vault:PATH#FIELD, such as vault:web/payments#password")
    return Elsewhere(path, field)
