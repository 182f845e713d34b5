"""Texts in every language of the console: one `messages.json` beside a package's templates.

The file maps a key to its text per language. A text that lacks a language, or a key that nobody defined, is an error
at the first rendering and in the tests: a page is never half translated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from steersman.model.errors import Permanent
from steersman.runtime.console.language import Language


@dataclass(frozen=True, slots=True)
class Messages:
    """The texts of one package in one language."""

    language: Language
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its `{name}` places filled in."""
        text = self.texts[key]
        return text.format(**values) if values else text

    def only(self, *beginnings: str) -> dict[str, str]:
        """Return the texts that a script needs: those whose keys begin so."""
        return {key: text for key, text in self.texts.items() if key.startswith(beginnings)}


@cache
def _catalogue(package: str) -> Mapping[str, Mapping[str, str]]:
    file = files(package) / "templates" / "messages.json"
    if not file.is_file():
        return {}
    catalogue: Mapping[str, Mapping[str, str]] = json.loads(file.read_text("utf-8"))
    for key, texts in catalogue.items():
        if missing := [language for language in Language if not texts.get(language)]:
            raise Permanent(f"{package}: the message {key} has no text in {', '.join(missing)}")
    return catalogue


@cache
def messages(package: str, language: Language) -> Messages:
    """Return the shell's texts with the package's own on top."""
    merged = {**_catalogue(__package__), **_catalogue(package)}
    return Messages(language, {key: texts[language] for key, texts in merged.items()})
