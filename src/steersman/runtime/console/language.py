"""Which language a person reads: what they asked for just now, else their last choice, else their browser's."""

from __future__ import annotations

from enum import StrEnum

from starlette.requests import Request

COOKIE = "steersman_lang"
QUERY = "lang"


class Language(StrEnum):
    """The languages of the console; the value is the HTML `lang`."""

    ENGLISH = "en"
    CHINESE = "zh"


_OWN_NAMES = {Language.ENGLISH: "English", Language.CHINESE: "中文"}


def own_name(language: Language) -> str:
    """Return the language's name as its readers write it."""
    return _OWN_NAMES[language]


def _known(tag: str) -> Language | None:
    primary = tag.strip().lower().partition("-")[0]
    return next((language for language in Language if language == primary), None)


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def negotiate(accept_language: str) -> Language:
    """Pick from an `Accept-Language` header (RFC 9110, 12.5.4); English when none of it is spoken here."""
    ranked = []
    for position, choice in enumerate(accept_language.split(",")):
        tag, _, parameters = choice.partition(";")
        language, weight = _known(tag), _weight(parameters)
        if language is not None and weight > 0:
            ranked.append((-weight, position, language))
    return min(ranked)[2] if ranked else Language.ENGLISH


def asked_language(request: Request) -> Language | None:
    """Return the language that this very request asks for in its query."""
    return _known(request.query_params.get(QUERY, ""))


def language_of(request: Request) -> Language:
    """Return the language to answer a request in."""
    chosen = asked_language(request) or _known(request.cookies.get(COOKIE, ""))
    return chosen or negotiate(request.headers.get("accept-language", ""))
