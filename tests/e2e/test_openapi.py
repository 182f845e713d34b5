"""The OpenAPI document against the platform that publishes it: every answer to a made-up request is one it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
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
#: Derandomised: the same requests every time, so that this tier fails only when something has changed.
FEW = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=200, derandomize=False)


@pytest.fixture(scope="module")
def schema() -> Iterator[Any]:
    """The document of a running platform, with the token that opens everything."""
    with System(STEERSMAN) as system:
        opened = {"Authorization": f"Bearer {TOKEN}"}
        found = schemathesis.openapi.from_url(f"http://127.0.0.1:{system.port}/openapi.json", headers=opened)
        found.config.update(headers=opened)
        yield found


def answers_are_named(schema: Any, chosen: settings) -> int:
    """Ask every operation in words that fit its description and in words that do not. Return how many were asked."""
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in ENDLESS:
            continue
        for mode in GenerationMode:

            @chosen
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case) -> None:
                nonlocal asked
                asked += 1
                case.call_and_validate(checks=CHECKS)

            # An operation that takes nothing has nothing in it to get wrong.
            with suppress(Unsatisfiable) if mode.is_negative else nullcontext():
                ask()
    return asked


@pytest.mark.slow
def test_every_answer_is_one_that_the_document_names(schema: Any) -> None:
    """No request makes the platform fail, and no answer has a status, a type or a shape that is not written down."""
    assert answers_are_named(schema, FEW) > 150


@pytest.mark.full
def test_many_answers_are_ones_that_the_document_names(schema: Any) -> None:
    assert answers_are_named(schema, MANY) > 2_000
