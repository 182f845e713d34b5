"""Puts secrets into what a runbook hands on, at the moment of the run, and takes them out of what comes back.

In a header or a variable of the environment, each word that is a reference (`secret:NAME`, `vault:PATH#FIELD`) is
replaced by its value. An answer that repeats a value is told without it: it goes into the journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from steersman.contract.ports import Context, Secrets

_REFERENCES = ("secret:", "vault:")
_HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Revealed:
    """Values with their secrets in them, and what must not be told."""

    values: Mapping[str, str]
    secrets: tuple[str, ...] = ()

    def without(self, text: str) -> str:
        """Return a text without any of the secrets."""
        for secret in self.secrets:
            text = text.replace(secret, _HIDDEN)
        return text


def revealed(context: Context, values: Mapping[str, str]) -> Revealed:
    """Resolve every reference; raises `Permanent` with the next step where there is no such secret."""
    found = [word for value in values.values() for word in value.split(" ") if word.startswith(_REFERENCES)]
    if not found:
        return Revealed(values)
    secrets: Secrets = context.ports.provided[Secrets]
    known = {word: secrets.reveal(word) for word in found}
    filled = {name: " ".join(known.get(word, word) for word in value.split(" ")) for name, value in values.items()}
    # The longest first: one secret may be a part of another.
    return Revealed(filled, tuple(sorted(set(known.values()) - {""}, key=len, reverse=True)))
