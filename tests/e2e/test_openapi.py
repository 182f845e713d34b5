"""The OpenAPI document against the platform that publishes it: every answer to a made-up request is one it names.

Asked by each standing role, because who may do less takes other paths through the code: a refusal is an answer too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from steersman.services.telemetry.commands.bench.systems import STEERSMAN, TOKEN, System

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
#: These never end, so that no client may wait for the rest; their own tests read them.
ENDLESS = {"/api/telemetry/live/stream", "/api/ops/stream", "/api/ops/recording"}
#: These shut out whoever asks, and every later answer would only be a refusal; their own tests ask them.
ENDS_THE_CALLER = {"/auth/logout", "/auth/bootstrap"}
ROLES = ("admin", "operator", "viewer", "user")
SEEDS = (20261125, 2, 3)
PASSWORD = "four ordinary words, said twice"
#: The seeds are fixed: the same requests every time, so that this tier fails only when something has changed.
FEW = settings(
    max_examples=1,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=20)


@dataclass
class Asked:
    """How many requests were sent, and what was wrong with the answers, once for each operation and reason."""

    requests: int = 0
    wrong: dict[tuple[str, str], str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with System(STEERSMAN) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(system: System) -> Mapping[str, str]:
    """A person of each role, signed in as people are."""
    opened = {"Authorization": f"Bearer {TOKEN}"}
    found = {}
    with httpx.Client(base_url=f"http://127.0.0.1:{system.port}", trust_env=False, timeout=60) as client:
        for role in ROLES:
            body = {"name": f"the-{role}", "password": PASSWORD, "roles": [role]}
            made = client.post("/api/identity/users", json=body, headers=opened)
            assert made.status_code == 201, made.text
            answer = client.post(
                "/auth/token", data={"grant_type": "password", "username": body["name"], "password": PASSWORD}
            )
            assert answer.status_code == 200, answer.text
            found[role] = answer.json()["access_token"]
    return found


def modes_of(role: str, number: int) -> tuple[GenerationMode, GenerationMode]:
    """Which operations get fitting words and which get others: what one seed does here, the next does there."""
    even = (ROLES.index(role) + SEEDS.index(number)) % 2 == 0
    return (
        (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        if even
        else (GenerationMode.NEGATIVE, GenerationMode.POSITIVE)
    )


class Questions:
    """Requests to one operation. What makes them up is built once, because that costs more than the asking."""

    def __init__(self, operation: Any, asked: Asked) -> None:
        self._operation = operation
        self._asked = asked
        self._made: dict[GenerationMode, Any] = {}

    def ask(self, mode: GenerationMode, token: str, number: int, chosen: settings) -> None:
        """Ask as the owner of the token, in words that fit the description or in words that do not."""
        try:
            self._ask(mode, token, number, chosen)
        except Unsatisfiable:
            # An operation that takes nothing has nothing in it to get wrong.
            self._ask(GenerationMode.POSITIVE, token, number, chosen)

    def _ask(self, mode: GenerationMode, token: str, number: int, chosen: settings) -> None:
        if mode not in self._made:
            self._made[mode] = self._operation.as_strategy(generation_mode=mode)

        @seed(number)
        @chosen
        @given(case=self._made[mode])
        def ask(case: schemathesis.Case) -> None:
            self._asked.requests += 1
            case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {token}"})

        try:
            ask()
        except (AssertionError, BaseExceptionGroup) as error:
            self._asked.wrong[self._operation.label, type(error).__name__] = str(error)


def answers_are_named(system: System, tokens: Mapping[str, str], chosen: settings) -> int:
    """Ask every operation as every role and with every seed, and return how many requests that were."""
    asked = Asked()
    address = f"http://127.0.0.1:{system.port}/openapi.json"
    schema = schemathesis.openapi.from_url(address, headers={"Authorization": f"Bearer {TOKEN}"})
    for place, found in enumerate(schema.get_all_operations()):
        operation = found.ok()
        if operation.path in ENDLESS | ENDS_THE_CALLER:
            continue
        questions = Questions(operation, asked)
        for role, number in product(ROLES, SEEDS):
            questions.ask(modes_of(role, number)[place % 2], tokens[role], number, chosen)
    assert not asked.wrong, json.dumps([*asked.wrong.values()], indent=2)
    return asked.requests


@pytest.mark.slow
@pytest.mark.requirement("ASVS-2.2.1", "ASVS-16.5.1")
def test_every_answer_is_one_that_the_document_names(system: System, tokens: Mapping[str, str]) -> None:
    """No request makes the platform fail, and no answer has a status, a type or a shape that is not written down."""
    assert answers_are_named(system, tokens, FEW) > 2_000


@pytest.mark.full
def test_many_answers_are_ones_that_the_document_names(system: System, tokens: Mapping[str, str]) -> None:
    assert answers_are_named(system, tokens, MANY) > 20_000
