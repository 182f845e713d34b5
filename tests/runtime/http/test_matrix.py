"""The matrix that is printed says what the door does: the same callers ask, and get what it says."""

from __future__ import annotations

import csv
import json
from io import StringIO

import pytest

from steersman.contract.ports import Caller
from steersman.contract.requirements import RequireRole
from steersman.runtime.http.handlers import Asks
from steersman.runtime.http.matrix import Operation, Outcome, as_csv, as_records, as_text, outcome

PERSON = Caller("ines", permissions=frozenset({"a.thing.read"}), account="a", session="s", roles=frozenset({"viewer"}))
KEY = Caller("ines", permissions=frozenset({"a.thing.read"}), account="a", key="k")
READ = Operation("GET", "/a", Asks("a.thing.read"))


@pytest.mark.parametrize(
    ("operation", "caller", "expected"),
    [
        (Operation("GET", "/healthz", is_open=True), None, Outcome.OPEN),
        (READ, None, Outcome.SIGN_IN),
        (READ, PERSON, Outcome.ALLOWED),
        (READ, KEY, Outcome.ALLOWED),
        (Operation("POST", "/a", Asks("a.thing.write")), PERSON, Outcome.REFUSED),
        (Operation("GET", "/a", Asks("a.thing.read", (RequireRole("viewer"),))), PERSON, Outcome.ALLOWED),
        (Operation("GET", "/a", Asks("a.thing.read", (RequireRole("viewer"),))), KEY, Outcome.REFUSED),
        (Operation("POST", "/a", Asks("a.thing.read"), four_eyes="asked"), PERSON, Outcome.TWO_PEOPLE),
        (Operation("POST", "/a", Asks("a.thing.read"), four_eyes="asked"), KEY, Outcome.REFUSED),
        (Operation("POST", "/a", Asks("a.thing.read"), four_eyes="offered"), KEY, Outcome.ALLOWED),
        (Operation("GET", "/auth/sessions"), PERSON, Outcome.OWN),
        (Operation("GET", "/auth/sessions"), KEY, Outcome.REFUSED),
        (Operation("GET", "/auth/me"), KEY, Outcome.OWN),
    ],
)
def test_an_outcome_follows_from_what_is_asked(operation: Operation, caller: Caller | None, expected: Outcome) -> None:
    assert outcome(operation, caller) is expected


def test_every_form_tells_the_same() -> None:
    """A program reads words; a person one sign for each kind of caller, in the order of the head."""
    rows = [(READ, {"nobody": Outcome.SIGN_IN, "a, b": Outcome.ALLOWED})]
    (record,) = as_records(rows)
    assert record["permission"] == "a.thing.read"
    assert list(csv.DictReader(StringIO(as_csv(rows), newline=""))) == [json.loads(json.dumps(record))]
    assert as_text(rows).splitlines()[-1] == "?+  GET    /a  a.thing.read"
