"""What a look at the running platform tells, and that it tells nothing where there was nothing to see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steersman.services.compliance.logic.looking import QUESTIONS, looked
from steersman.services.compliance.model import Facts, Observed
from steersman.services.compliance.store.files import catalogue

HEADERS = {
    "content-type": "application/json",
    "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "cache-control": "no-store",
}
NAMES = ("page", "api", "missing", "foreign", "trace", "listing", "metadata", "openapi", "metrics")
GOOD = Facts(
    figures={
        "shortest_password": 12,
        "longest_password": 128,
        "argon2_kib": 19_456,
        "argon2_passes": 2,
        "idle_hours": 24,
        "signing_key_days": 30,
    },
    words={
        "scheme": "https",
        "signing": "EdDSA",
        "breached": "yes",
        "log_level": "info",
        "insecure": "no",
        "loopback": "no",
    },
    answers=dict.fromkeys(NAMES, Observed(401, HEADERS)),
    broken={"audit.evidence": None, "audit.audit_key_private": None, "platform.token_private": None},
)


def answer(facts: Facts, name: str) -> bool | None:
    return next(one.holds for one in looked(facts) if one.name == name)


def test_a_platform_that_was_not_seen_is_judged_neither_way():
    assert {one.holds for one in looked(Facts())} == {None}


def test_a_platform_that_keeps_everything_passes_every_question():
    assert [one.name for one in looked(GOOD) if one.holds is not True] == []


def test_every_question_is_about_requirements_that_there_are():
    known = {one.id for one in catalogue().requirements}
    assert [one.name for one in QUESTIONS if not set(one.requirements) <= known] == []


@pytest.mark.parametrize(
    ("question", "header", "value"),
    [
        ("policy", "content-security-policy", "default-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'"),
        ("frames", "content-security-policy", "object-src 'none'; base-uri 'none'"),
        ("nosniff", "x-content-type-options", ""),
        ("referrer", "referrer-policy", "unsafe-url"),
        ("hsts", "strict-transport-security", "max-age=300; includeSubDomains"),
        ("unstored", "cache-control", "max-age=60"),
        ("types", "content-type", "text/html"),
        ("cors", "access-control-allow-origin", "*"),
    ],
)
def test_one_answer_without_its_header_is_found(question: str, header: str, value: str):
    bad = Observed(401, HEADERS | {header: value}, "body")
    assert answer(replace(GOOD, answers=dict.fromkeys(NAMES, bad)), question) is False


@pytest.mark.parametrize(
    ("question", "name", "value"),
    [
        ("short_password", "shortest_password", 7),
        ("long_password", "longest_password", 63),
        ("hashing", "argon2_kib", 4096),
        ("idle", "idle_hours", 1000),
        ("rotation", "signing_key_days", 366),
    ],
)
def test_a_figure_past_its_bound_is_found(question: str, name: str, value: float):
    assert answer(replace(GOOD, figures={**GOOD.figures, name: value}), question) is False


@pytest.mark.parametrize(
    ("question", "name", "value"),
    [
        ("debug", "log_level", "debug"),
        ("open_door", "insecure", "yes"),
        ("signature", "signing", "RS256"),
        ("tls", "scheme", "http"),
    ],
)
def test_a_setting_that_weakens_is_found(question: str, name: str, value: str):
    assert answer(replace(GOOD, words={**GOOD.words, name: value}), question) is False


@pytest.mark.parametrize(
    ("question", "name"),
    [("trace", "trace"), ("listing", "listing"), ("metadata", "metadata"), ("documents", "openapi")],
)
def test_an_answer_that_should_not_be_given_is_found(question: str, name: str):
    assert answer(replace(GOOD, answers={**GOOD.answers, name: Observed(200, HEADERS)}), question) is False


def test_a_stack_trace_a_broken_proof_and_an_old_component_are_found():
    talking = {**GOOD.answers, "missing": Observed(500, HEADERS, "Traceback (most recent call last)")}
    assert answer(replace(GOOD, answers=talking), "errors") is False
    assert answer(replace(GOOD, broken={"audit.evidence": "entry 7 was changed"}), "evidence") is False
    assert answer(replace(GOOD, outdated=("jinja2 3.0",)), "components") is False
