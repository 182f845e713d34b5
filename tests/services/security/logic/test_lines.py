from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.threats import Field, Kind
from steersman.model.errors import InvalidInput
from steersman.services.security.logic.lines import judge, line_of


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"value": "1 or 1=1", "field": "query"}, Kind.SQL),
        ({"value": "1 or 1=1", "field": "free_text"}, Kind.NONE),
        ({"request": "GET /?id=1%20or%201=1 HTTP/1.1\r\nHost: x\r\n\r\n"}, Kind.SQL),
        ({"request": "GET /?p=1%20or%201=1 HTTP/1.1\r\n\r\n", "free_text": ["p"]}, Kind.NONE),
        ("GET /?id=1%20or%201=1 HTTP/1.1\r\nHost: x\r\n\r\n", Kind.SQL),
        ({"method": "GET", "path": "/a?id=1%20or%201=1"}, Kind.SQL),
        ({"path": "/a", "query": "id=1%20or%201=1"}, Kind.SQL),
        ({"url": "https://x.example/a?id=1%20or%201=1", "free_text": ["id"]}, Kind.NONE),
        ({"path": "/", "headers": {"Referer": ["a", "<script>x</script>"]}}, Kind.XSS),
        ({"path": "/", "headers": [["X-A", "; cat /etc/passwd"]]}, Kind.COMMAND),
        ({"method": "POST", "path": "/", "body": "a=1&b=%3Cscript%3E"}, Kind.XSS),
        ({"method": "POST", "path": "/", "body": {"a": [{"b": "' or 1=1--"}]}}, Kind.SQL),
        ({"method": "POST", "path": "/", "json": "' or 1=1--"}, Kind.SQL),
        (
            {"method": "POST", "path": "/", "body_base64": base64.b64encode(b"a=../../../etc/passwd").decode()},
            Kind.PATH,
        ),
        ({"method": "POST", "path": "/", "body": None}, Kind.NONE),
        ({"value": "1 or 1=1"}, Kind.SQL),
        ({"value": "1 or 1=1", "field": "prompt"}, Kind.NONE),
        ({"request_base64": base64.b64encode(b"GET /?a=%ff%3Cscript> HTTP/1.1\r\n\r\n").decode()}, Kind.XSS),
    ],
)
def test_a_line_is_judged_as_what_it_is(told: Any, kind: Kind) -> None:
    assert judge(line_of(json.dumps(told))).kind is kind


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no JSON"),
        ("[1]", "neither a string nor an object"),
        ("{}", "exactly one of .* none of them"),
        ('{"value": "a", "request": "b"}', "there is request, value"),
        ('{"value": 1, "field": "query"}', "has to be a string"),
        ('{"value": "a", "field": "body_part"}', "one of query, path"),
        ('{"value": "a", "path": "/"}', "there is value, path"),
        ('{"path": 1}', "have to be strings"),
        ('{"path": "/", "url": "/"}', "one of path, target"),
        ('{"path": "/", "query": {}}', "query has to be a string"),
        ('{"path": "/", "headers": "a: b"}', "headers has to be"),
        ('{"path": "/", "headers": [["a"]]}', "headers has to be"),
        ('{"path": "/", "body": "a", "json": {}}', "body and json"),
        ('{"path": "/", "body_base64": 1}', "no base64"),
        ('{"a":' * 100_000, "no JSON"),
        ('{"request_base64": "*"}', "no base64"),
        ('{"request": "GET /", "free_text": "prompt"}', "list of names"),
    ],
)
def test_a_wrong_line_says_what_is_wrong_with_it(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        line_of(text)


@given(st.text(), st.sampled_from(list(Field)))
def test_every_value_can_be_written_as_a_line(value: str, field: Field) -> None:
    line = line_of(json.dumps({"value": value, "field": field}))
    assert (line.value, line.field) == (value, field)
    assert judge(line).reason


@pytest.mark.parametrize(
    ("line", "meant"), [('{"value": "x", "fild": "header"}', "field"), ('{"path": "/", "heders": {}}', "headers")]
)
def test_a_misspelt_key_is_told_and_a_key_of_somebody_elses_is_passed_over(line: str, meant: str) -> None:
    with pytest.raises(InvalidInput, match=f"did you mean {meant}"):
        line_of(line)
    assert line_of('{"value": "x", "id": 7, "label": "xss", "source": "a"}').value == "x"
