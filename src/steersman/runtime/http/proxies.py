"""Finds out who is behind a proxy, where the settings say that there is one.

A header about the caller is believed only from a trusted proxy, and read from the right: each trusted hop vouches for
the one before it, and the first that is not trusted is the caller. What stands further left, anybody may have written.
The scheme and the host that the caller used are those that stand at the same hop. Both families of headers are read,
`X-Forwarded-*` and `Forwarded` (RFC 7239). A proxy writes one of them and hands on what a caller wrote into the other;
so where both are there and name different callers, nobody can tell which is true, and the request is refused.

A host that was forwarded does not replace the Host of the request: both have to be this server's. Else a page whose
name was turned to a proxy could say what it likes in a header that the proxy hands on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.types import Scope

from steersman.model.errors import InvalidInput
from steersman.runtime.http.scope import PUBLIC_HOST

_Address = IPv4Address | IPv6Address

#: One pair of RFC 7239, 4: a token, and a token or a quoted string; then what separates it from the next.
_PAIR = re.compile(r"""\s*([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^\s",;]*)\s*(;|,|$)""")
_MOST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy said: from whom it had the request, by which scheme, and for which host."""

    sender: str
    scheme: str = ""
    host: str = ""


class Proxies:
    """The proxies that the settings trust, as networks."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted = [ip_network(one) for one in trusted]

    def see_through(self, scope: Scope) -> None:
        """Put the caller's address, and the scheme and host that they used, in the place of the proxy's.

        Raises `InvalidInput` where the two families of headers contradict each other.
        """
        client = scope.get("client")
        if not self._trusted or not client or not self._trusts(_parsed(client[0])):
            return
        found = self._hop(_by_name(scope))
        if found is None:
            return
        if address := _parsed(found.sender):
            scope["client"] = (str(address), 0)
        if found.scheme in {"http", "https"}:
            scope["scheme"] = found.scheme
        if found.host:
            scope[PUBLIC_HOST] = found.host.encode("latin-1")

    def _hop(self, told: dict[bytes, str]) -> Hop | None:
        older, standard = self._first_untrusted(_older(told)), self._first_untrusted(_standard(told))
        if standard is None or b"x-forwarded-for" not in told:
            return standard or older
        if older is None or _parsed(older.sender) != _parsed(standard.sender):
            raise InvalidInput(
                "Forwarded and X-Forwarded-For name different callers: let the proxy remove the one it does not write"
            )
        return older

    def _first_untrusted(self, hops: Sequence[Hop]) -> Hop | None:
        """Return the rightmost hop whose sender is no trusted proxy; what it says of scheme and host goes with it."""
        for hop in reversed(hops):
            address = _parsed(hop.sender)
            if address is None:
                return Hop("", hops[-1].scheme, hops[-1].host)
            if not self._trusts(address):
                return hop
        return Hop("", hops[-1].scheme, hops[-1].host) if hops else None

    def _trusts(self, address: _Address | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)


def _by_name(scope: Scope) -> dict[bytes, str]:
    """Return the headers about the caller, the lines of each joined as one list."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name == b"forwarded" or name.startswith(b"x-forwarded-"):
            text = value.decode("latin-1")
            found[name] = f"{found[name]},{text}" if name in found else text
    return found


def _older(told: dict[bytes, str]) -> list[Hop]:
    """Read the three lists of `X-Forwarded-*`, which end with the same proxy and need not begin with the same."""
    senders, schemes, hosts = (_list(told.get(b"x-forwarded-" + what)) for what in (b"for", b"proto", b"host"))
    if not senders and (schemes or hosts):
        senders = [""]
    count = len(senders)
    return [
        Hop(sender, _aligned(schemes, count - number).lower(), _aligned(hosts, count - number))
        for number, sender in enumerate(senders)
    ]


def _aligned(values: Sequence[str], from_right: int) -> str:
    """Return the value at the same place from the right; a shorter list was written further right, once for all."""
    return values[-min(from_right, len(values))] if values else ""


def _list(value: str | None) -> list[str]:
    return [] if value is None else [one.strip() for one in value.split(",")]


def _standard(told: dict[bytes, str]) -> list[Hop]:
    """Read `Forwarded`; one that does not keep to the grammar names nobody."""
    text = told.get(b"forwarded", "")
    if not text:
        return []
    if len(text) > _MOST_BYTES:
        return [Hop("")]
    read = _pairs(text)
    hops, pairs = [], dict[str, str]()
    for name, value, end in read:
        if name in pairs:
            return [Hop("")]
        pairs[name] = value
        if end != ";":
            hops.append(Hop(pairs.get("for", ""), pairs.get("proto", "").lower(), pairs.get("host", "")))
            pairs = {}
    return hops if read and not pairs else [Hop("")]


def _pairs(text: str) -> list[tuple[str, str, str]]:
    """Return name, value and what follows of each pair; nothing where a part of the text is none."""
    pairs, at = [], 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if found is None:
            return []
        at = found.end()
        value = found[2]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        pairs.append((found[1].lower(), value, found[3]))
    return pairs


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
