"""Which language a request is answered in, and that no text lacks one."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from steersman.model.errors import Permanent
from steersman.runtime.console.language import Language, language_of, negotiate
from steersman.runtime.console.messages import messages

PACKAGES = (
    "steersman.runtime.console",
    "steersman.services.identity",
    "steersman.services.telemetry",
    "steersman.services.operations",
)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", Language.ENGLISH),
        ("zh-CN,zh;q=0.9,en;q=0.8", Language.CHINESE),
        ("en;q=0.5, zh;q=0.6", Language.CHINESE),
        ("de-DE, zh;q=0.3", Language.CHINESE),
        ("zh;q=0, en;q=0.1", Language.ENGLISH),
        ("fr, de", Language.ENGLISH),
        ("zh;q=much, en", Language.ENGLISH),
    ],
)
def test_the_browser_is_understood(header: str, language: Language) -> None:
    """Weights decide, then the order; a refused or garbled choice is none."""
    assert negotiate(header) is language


@given(st.text(max_size=80))
def test_any_header_gets_some_language(header: str) -> None:
    """Whatever a client sends, there is a page for it."""
    assert negotiate(header) in Language


def test_a_choice_beats_the_last_one_and_the_last_one_beats_the_browser() -> None:
    """Query, then cookie, then Accept-Language."""

    def asked(query: bytes, cookie: bytes) -> Language:
        headers = [(b"accept-language", b"en"), (b"cookie", cookie)]
        return language_of(Request({"type": "http", "headers": headers, "query_string": query}))

    assert asked(b"", b"steersman_lang=zh") is Language.CHINESE
    assert asked(b"lang=en", b"steersman_lang=zh") is Language.ENGLISH
    assert asked(b"lang=xx", b"") is Language.ENGLISH


@pytest.mark.parametrize("package", PACKAGES)
def test_every_text_has_the_same_places_in_every_language(package: str) -> None:
    """A translation that loses a `{place}` would lose a figure."""
    folder = Path(str(files(package))) / "templates"
    catalogue = json.loads((folder / "messages.json").read_text("utf-8"))
    for key, texts in catalogue.items():
        places = {language: sorted(re.findall(r"\{\w+\}", texts[language])) for language in Language}
        assert places[Language.ENGLISH] == places[Language.CHINESE], key


def test_a_text_without_a_translation_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees a page that is half translated."""
    templates = tmp_path / "half_translated" / "templates"
    templates.mkdir(parents=True)
    (templates.parent / "__init__.py").touch()
    (templates / "messages.json").write_text('{"hello": {"en": "Hello"}}')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Permanent, match="hello has no text in zh"):
        messages("half_translated", Language.CHINESE)
