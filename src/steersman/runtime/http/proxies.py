"""Finds out who is behind a proxy, where the settings say that there is one.

A header about the caller is believed only from a trusted proxy, and read from the right: each trusted hop vouches for
the one before it, and the first that is not trusted is the caller. What stands further left, anybody may have written.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.types import Scope

_Address = IPv4Address | IPv6Address


class Proxies:
    """The proxies that the settings trust, as networks."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted = [ip_network(one) for one in trusted]

    def see_through(self, scope: Scope) -> None:
        """Put the caller's address, and the scheme that they used, in the place of the proxy's."""
        client = scope.get("client")
        if not self._trusted or not client or not self._trusts(_parsed(client[0])):
            return
        forwarded, scheme = _forwarded(scope)
        caller = self._caller(forwarded)
        if caller:
            scope["client"] = (caller, 0)
        if scheme in {"http", "https"}:
            scope["scheme"] = scheme

    def _caller(self, hops: Sequence[str]) -> str:
        """Return the rightmost hop that is no trusted proxy; nothing where a hop is no address."""
        for hop in reversed(hops):
            address = _parsed(hop)
            if address is None:
                return ""
            if not self._trusts(address):
                return str(address)
        return ""

    def _trusts(self, address: _Address | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)


def _forwarded(scope: Scope) -> tuple[list[str], str]:
    hops: list[str] = []
    scheme = ""
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            hops += [hop.strip() for hop in value.decode("latin-1").split(",")]
        elif name == b"x-forwarded-proto":
            scheme = value.decode("latin-1").rpartition(",")[2].strip().lower()
    return hops, scheme


def _parsed(text: str) -> _Address | None:
    """Read an address, with its port where a proxy adds one."""
    bare = text[1:].partition("]")[0] if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
