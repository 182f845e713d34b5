"""Who is behind a proxy: believed from the right, and only from one that is trusted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.runtime.http.proxies import Proxies

PROXIES = Proxies(["10.0.0.0/8", "2001:db8::/32"])


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
