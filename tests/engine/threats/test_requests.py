from __future__ import annotations

import json

import pytest

from steersman.engine.threats import Kind, Request, inspect
from steersman.engine.threats.request import parse

ATTACK = "' or 1=1--"
ENCODED = "%27%20or%201%3D1--"


def _post(kind: str, body: str) -> Request:
    return Request("POST", "/", (("Content-Type", kind),), body.encode())


PLACES = {
    "query q": Request("GET", f"/?q={ENCODED}"),
    "query name": Request("GET", f"/?{ENCODED}"),
    "path segment": Request("GET", f"/items/{ENCODED}"),
    "header Referer": Request("GET", "/", (("Referer", ATTACK),)),
    "header q": Request("GET", "/", (("Referer", f"https://example.org/?q={ENCODED}"),)),
    "cookie id": Request("GET", "/", (("Cookie", f"a=b; id={ATTACK}"),)),
    "form q": _post("application/x-www-form-urlencoded", f"q={ENCODED}"),
    "json": _post("application/json", json.dumps({"a": [{"b": ATTACK}]})),
    "xml": _post("application/xml", f'<?xml version="1.0"?><a b="{ATTACK}"/>'),
    "body": _post("text/plain", ATTACK),
    "form a": _post("multipart/form-data; boundary=x", f'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n{ATTACK}\r\n--x--'),
    "file_name": _post("multipart/form-data; boundary=x", '--x\r\nContent-Disposition: form-data; name="a"; filename="1 union select 1"\r\n\r\nb\r\n--x--'),
}  # fmt: skip


@pytest.mark.parametrize(("where", "request_"), PLACES.items(), ids=PLACES)
def test_the_verdict_says_where_in_the_request_it_sits(where: str, request_: Request) -> None:
    verdict = inspect(request_)
    assert verdict.kind is Kind.SQL
    assert where in verdict.where
    assert verdict.reason.startswith(verdict.where)


HONEST = [
    "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n\r\n",
    "GET /api/v1/query?query=sum(rate(http_requests_total[5m]))&time=1767225600 HTTP/1.1\r\nHost: x\r\n\r\n",
    'POST /v1/chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n{"model": "m", "stream": true, "n": 1}',
    "GET /search?q=what's+new&lang=en HTTP/1.1\r\nHost: x\r\nCookie: theme=dark; sid=0f9a-33\r\n\r\n",
    'POST /soap HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n\r\n<?xml version="1.0"?><order><id a="1">7</id></order>',
    "GET / HTTP/1.1\r\nAuthorization: Bearer eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.x-y_z\r\n\r\n",
    "",
    "\r\n\r\n",
]


@pytest.mark.parametrize("raw", HONEST)
def test_an_honest_request_is_none(raw: str) -> None:
    assert inspect(raw).kind is Kind.NONE


def test_a_parameter_that_holds_prose_by_its_schema_is_only_observed() -> None:
    raw = f"GET /?prompt={ENCODED}&id=7 HTTP/1.1\r\n\r\n"
    assert inspect(raw, free_text={"prompt"}).kind is Kind.NONE
    assert inspect(raw.replace("id=7", f"id={ENCODED}"), free_text={"prompt"}).kind is Kind.SQL


def test_a_raw_request_is_read_with_either_end_of_line() -> None:
    expected = Request("POST", "/a?b=c", (("Host", "x"), ("Y", "z: 1")), b"body\n\nmore")
    assert parse("POST /a?b=c HTTP/1.1\r\nHost: x\r\nY: z: 1\r\n\r\nbody\n\nmore") == expected
    assert parse(b"POST /a?b=c HTTP/1.1\nHost: x\nY: z: 1\n\nbody\n\nmore") == expected


def test_headers_beyond_many_are_looked_at_as_one() -> None:
    raw = "GET / HTTP/1.1\r\n" + "".join(f"X-{number}: {number}\r\n" for number in range(500))
    assert len(parse(raw + "\r\n").headers) <= 129
    assert inspect(raw + "\r\n").kind is Kind.NONE
    assert inspect(raw + f"X-Last: {ATTACK}\r\n\r\n").kind is Kind.SQL
    pairs = tuple((f"X-{number}", str(number)) for number in range(500))
    assert inspect(Request("GET", "/", (*pairs, ("X-Last", ATTACK)))).kind is Kind.SQL
