"""Who is behind a proxy: believed from the right, and only from one that is trusted."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.contract.fakes import FakeClock
from steersman.model.errors import InvalidInput
from steersman.runtime.http.door import Door, Misdirected, read_headers
from steersman.runtime.http.proxies import Proxies
from steersman.runtime.http.scope import PUBLIC_HOST

PROXIES = Proxies(["10.0.0.0/8", "2001:db8::/32"])


def told(*headers: tuple[str, str], peer: str = "10.0.0.1") -> dict[str, Any]:
    scope: dict[str, Any] = {"client": (peer, 4711), "scheme": "http"}
    scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    PROXIES.see_through(scope)
    return {"caller": scope["client"][0], "scheme": scope["scheme"], "host": scope.get(PUBLIC_HOST)}


def seen(peer: str, *forwarded: str, proto: str = "", proxies: Proxies = PROXIES) -> tuple[str, str]:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    headers += [(b"x-forwarded-proto", proto.encode())] if proto else []
    scope = {"client": (peer, 4711), "scheme": "http", "headers": headers}
    proxies.see_through(scope)
    return scope["client"][0], scope["scheme"]  # type: ignore[return-value, index] # the values that were put in


@pytest.mark.requirement("ASVS-4.1.3")
@pytest.mark.parametrize(("forwarded", "caller"), [
    (["203.0.113.9"], "203.0.113.9"),
    (["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
    (["1.1.1.1, 203.0.113.9, 10.1.1.1"], "203.0.113.9"),
    (["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
    (["203.0.113.9:5544"], "203.0.113.9"),
    (["[2001:db9::1]:443"], "2001:db9::1"),
    (["::ffff:203.0.113.9"], "203.0.113.9"),
    (["10.9.9.9, 10.1.1.1"], "10.0.0.1"),
    (["203.0.113.9, unknown"], "10.0.0.1"),
    (["203.0.113.9,"], "10.0.0.1"),
    ([""], "10.0.0.1"),
    ([], "10.0.0.1"),
])  # fmt: skip
@pytest.mark.requirement("ASVS-15.3.4")
def test_the_rightmost_hop_that_is_not_trusted_is_the_caller(forwarded: list[str], caller: str) -> None:
    """What stands further left, anybody may have written; and where a hop is no address, nobody is believed."""
    assert seen("10.0.0.1", *forwarded)[0] == caller


@given(st.text(max_size=60).filter(lambda text: text.isascii()))
@pytest.mark.requirement("ASVS-4.1.3")
def test_a_stranger_is_not_believed_whatever_they_say(text: str) -> None:
    assert seen("203.0.113.9", text, proto="https") == ("203.0.113.9", "http")


def test_without_settings_nobody_is_believed() -> None:
    assert seen("10.0.0.1", "203.0.113.9", proto="https", proxies=Proxies()) == ("10.0.0.1", "http")


def test_the_scheme_comes_from_the_proxy_as_well() -> None:
    assert seen("10.0.0.1", "203.0.113.9", proto="https")[1] == "https"
    assert seen("10.0.0.1", "203.0.113.9", proto="javascript")[1] == "http"


@pytest.mark.requirement("ASVS-4.1.3", "ASVS-15.3.4")
@pytest.mark.parametrize(("forwarded", "caller", "scheme", "host"), [
    # The examples of RFC 7239, 4 and 6, with a peer that is trusted.
    ('For="[2001:db9:cafe::17]:4711"', "2001:db9:cafe::17", "http", None),
    ("for=192.0.2.60;proto=https;by=203.0.113.43", "192.0.2.60", "https", None),
    ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17", "http", None),
    ('for=192.0.2.43;host="our.example", for=10.1.1.1;proto=http;host=inside', "192.0.2.43", "http", b"our.example"),
    ('for=1.1.1.1;proto=https;host=evil, for="203.0.113.9:5544";proto=http', "203.0.113.9", "http", None),
    ("for=unknown", "10.0.0.1", "http", None),
    ("for=_hidden, for=10.1.1.1;proto=https", "10.0.0.1", "https", None),
    ("for=192.0.2.1;for=192.0.2.2", "10.0.0.1", "http", None),
    ('for="192.0.2.1', "10.0.0.1", "http", None),
    ("for=192.0.2.1 garbage", "10.0.0.1", "http", None),
    ("for=192.0.2.1;", "10.0.0.1", "http", None),
])  # fmt: skip
def test_the_standard_header_is_read_from_the_right_as_well(
    forwarded: str, caller: str, scheme: str, host: bytes | None
) -> None:
    """And what does not keep to its grammar names nobody."""
    assert told(("forwarded", forwarded)) == {"caller": caller, "scheme": scheme, "host": host}


@pytest.mark.requirement("ASVS-4.1.3")
def test_scheme_and_host_are_those_of_the_hop_that_named_the_caller() -> None:
    """What the caller wrote stands further left, and what the inner proxy says of the outer one further right."""
    lists = (
        ("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.1.1.1"),
        ("x-forwarded-proto", "ftp, https, http"),
        ("x-forwarded-host", "evil.example, our.example, inside"),
    )
    assert told(*lists) == {"caller": "203.0.113.9", "scheme": "https", "host": b"our.example"}
    once = (("x-forwarded-for", "203.0.113.9, 10.1.1.1"), ("x-forwarded-proto", "https"))
    assert told(*once)["scheme"] == "https"


@pytest.mark.requirement("ASVS-4.1.3")
def test_two_headers_that_name_different_callers_are_refused() -> None:
    """A proxy writes one and hands the other on: nobody can tell which."""
    with pytest.raises(InvalidInput, match="different callers"):
        told(("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=127.0.0.1"))
    with pytest.raises(InvalidInput, match="different callers"):
        told(("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=unknown"))
    agreed = told(("x-forwarded-for", "203.0.113.9"), ("forwarded", 'for="203.0.113.9:1";proto=https'))
    assert agreed["caller"] == "203.0.113.9"


@given(st.text(alphabet='for=";,\\ 1.[]:abyproto', max_size=80))
def test_no_header_makes_a_caller_of_what_is_no_address(text: str) -> None:
    """Whatever is written, the caller is an address, and reading takes no longer than it is long."""
    assert ip_address(told(("forwarded", text))["caller"])


@pytest.mark.requirement("ASVS-4.1.3")
def test_a_forwarded_host_never_stands_in_for_the_host() -> None:
    """A page whose name was turned to the proxy may write any header; both have to be this server's."""
    door = Door([], clock=FakeClock(), allowed_hosts=["our.example", "inside"])
    for host, forwarded, good in (
        (b"inside", b"our.example", True),
        (b"evil.example", b"our.example", False),
        (b"inside", b"evil.example", False),
    ):
        scope = {"headers": [(b"host", host)], PUBLIC_HOST: forwarded}
        headers = read_headers(scope)
        if good:
            door.check_host(scope, headers)
            door.check_origin("POST", replace(headers, origin=b"https://our.example", cookie=b"steersman_session=x"))
            continue
        with pytest.raises(Misdirected):
            door.check_host(scope, headers)


def test_a_strangers_word_about_the_host_is_not_heard() -> None:
    assert told(("x-forwarded-host", "our.example"), ("forwarded", "for=1.1.1.1"), peer="203.0.113.9") == {
        "caller": "203.0.113.9",
        "scheme": "http",
        "host": None,
    }
