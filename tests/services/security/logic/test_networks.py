"""Whom a measure may reach, and what a list of addresses may say."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.model.errors import InvalidInput
from steersman.services.security.logic.lists import read
from steersman.services.security.logic.networks import excepted, home_of, measured

NEVER = excepted(["192.0.2.0/24"])


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.1.2.3",
        "::1",
        "::ffff:127.0.0.1",
        "192.0.2.7",
        "192.0.0.0/16",
        "0.0.0.0/0",
        "10.0.0.0/8",
        "::/0",
    ],
)
def test_nobody_can_be_locked_out_of_loopback_an_excepted_network_or_a_whole_country(text: str) -> None:
    """A measure that would reach them is refused, in whatever form the address is written."""
    with pytest.raises(InvalidInput):
        measured(text, NEVER)


@pytest.mark.parametrize("text", ["", "2130706433", "0177.0.0.1", "203.0.113.7/24", "x" * 5000, "203.0.113.7 OR 1=1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """Neither decimal nor octal forms nor networks with host bits are guessed at."""
    with pytest.raises(InvalidInput):
        measured(text, NEVER)


def test_an_ipv4_address_inside_ipv6_is_that_ipv4_address() -> None:
    """Both spellings name one caller, so a ban of the one holds for the other."""
    assert measured("::ffff:203.0.113.7", NEVER) == ip_network("203.0.113.7/32")


def test_who_has_one_ipv6_address_has_its_network() -> None:
    """An attacker changes within a /64 at will."""
    assert home_of("2001:db8::1") == "2001:db8::/64"
    assert home_of("203.0.113.7") == "203.0.113.7"
    assert home_of("address-abc") == ""


def test_a_wrong_line_is_named_and_the_others_hold() -> None:
    """Plain lists and those with `;` comments are read alike."""
    lines = ["; Spamhaus DROP", "198.51.100.0/24 ; SBL1", "# mine", "203.0.113.7", "nonsense", "127.0.0.1", ""]
    listed = read("drop.txt", lines, NEVER)
    assert [str(one) for one in listed.networks] == ["198.51.100.0/24", "203.0.113.7/32"]
    assert [line.partition(":")[0] for line in listed.wrong] == ["drop.txt, line 5", "drop.txt, line 6"]


@given(st.lists(st.text(max_size=40), max_size=60))
def test_no_file_whatever_is_in_it_stops_the_reading(lines: list[str]) -> None:
    """Lines that are none are told, within bounds, and nothing of them reaches loopback."""
    listed = read("f", lines, NEVER)
    assert len(listed.wrong) <= 21
    assert not any(one.overlaps(ip_network("127.0.0.0/8")) for one in listed.networks if one.version == 4)
