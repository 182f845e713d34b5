"""Fresh forms of script, drawn from the grammars, are found; and what only looks like one is not."""

from __future__ import annotations

import base64
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.threats.variants import CLASSES

from steersman.engine.threats import Field, Kind, Request, inspect, inspect_value

#: Draws of each class; of them so many may be taken for something else, and so many for nothing.
DRAWS = 150
OTHER_KIND = 0.12
MISSED = 0.01


@pytest.mark.parametrize("write", CLASSES, ids=lambda write: write.__name__)
@pytest.mark.requirement("ASVS-16.3.3")
def test_forms_that_nobody_wrote_down_are_found(write: Callable[[Random], str]) -> None:
    draw = Random(write.__name__)
    values = [write(draw) for _ in range(DRAWS)]
    verdicts = [inspect_value(value, Field.JSON) for value in values]
    missed = [value for value, verdict in zip(values, verdicts, strict=True) if not verdict.is_attack]
    assert len(missed) <= DRAWS * MISSED, missed
    assert sum(verdict.kind is not Kind.XSS for verdict in verdicts) <= DRAWS * OTHER_KIND


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


SIGNATURES = st.binary(min_size=8, max_size=96).flatmap(
    lambda raw: st.sampled_from(
        [
            _base64(raw),
            base64.urlsafe_b64encode(raw).decode(),
            f"t=1614308115,v1={raw.hex()},v0={raw.hex()}",
            f"sha256={raw.hex()}",
            f"v1,{_base64(raw)} v1,{_base64(raw[::-1])}",
            f'keyId="k1",algorithm="hs2019",headers="(request-target) date",signature="{_base64(raw)}"',
        ]
    )
)


@given(SIGNATURES)
@settings(max_examples=100, deadline=None)
def test_no_honest_signature_is_an_attack_whatever_its_bytes(signature: str) -> None:
    assert inspect_value(signature, Field.HEADER).kind is Kind.NONE


@pytest.mark.parametrize(
    "signature", ["t=1,v1=52a7onabcd=6yJ", "1a2b3onfocus=6p7", "eyJh.eyJz0onload=.x", "9onwebkitanything=a"]
)
def test_an_attribute_inside_a_token_of_a_header_is_none_of_the_token(signature: str) -> None:
    assert inspect_value(signature, Field.HEADER).kind is Kind.XSS


@pytest.mark.parametrize(
    ("credentials", "kind"),
    [
        ("Bearer eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.x-y_z", Kind.NONE),
        ("Basic YWRtaW46cGFzcw==", Kind.NONE),
        ("AWS4-HMAC-SHA256 Credential=AKID/20261126/x/s3/aws4_request, SignedHeaders=host;range, Signature=fe5f80", Kind.NONE),
        ('Digest username="ann", realm="x", nonce="dcd98b", uri="/a", response="6629fae4", opaque="5ccc"', Kind.NONE),
        ("Bearer x' or 1=1--", Kind.SQL),
        ("Bearer a.b0onload=.c", Kind.XSS),
    ],
)  # fmt: skip
def test_credentials_are_passed_over_only_in_the_form_that_the_standard_gives_them(
    credentials: str, kind: Kind
) -> None:
    assert inspect(Request("GET", "/", (("Authorization", credentials),))).kind is kind
