"""Which networks a measure may reach. Loopback, whom the settings except and our own proxies: never."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from steersman.model.errors import InvalidInput

Network = IPv4Network | IPv6Network

#: Broader than this, a measure would shut out a country: that is a matter for a firewall and a person.
_BROADEST = {4: 16, 6: 32}
_LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
#: Who has one IPv6 address has all of its /64.
_HOME_V6 = 64


def excepted(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return the networks that no measure may touch: loopback always, and these."""
    return (*_LOOPBACK, *(ip_network(one) for one in texts))


def measured(text: str, never: Sequence[Network]) -> Network:
    """Return the network that a measure is for; raises `InvalidInput` where it may not be."""
    network = parsed(text)
    if network.prefixlen < _BROADEST[network.version]:
        raise InvalidInput(f"{network} is too broad: a measure takes /{_BROADEST[network.version]} and narrower")
    if touched := spared(network, never):
        raise InvalidInput(f"{network} reaches {touched}, which is never kept out")
    return network


def spared(network: Network, never: Sequence[Network]) -> Network | None:
    """Return what must not be reached and would be."""
    return next((one for one in never if one.version == network.version and network.overlaps(one)), None)


def parsed(text: str) -> Network:
    """Read an address or a network; an IPv4 address inside of IPv6 is the IPv4 one. Raises `InvalidInput`."""
    try:
        network = ip_network(text.strip())
    except ValueError as error:
        raise InvalidInput(f"{text[:64]!r} is no address and no network such as 203.0.113.0/24") from error
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= 96:
        return ip_network(f"{mapped}/{network.prefixlen - 96}")
    return network


def home_of(address: str) -> str:
    """Return the network that whoever has this address disposes of; nothing where it is no address."""
    try:
        one = ip_address(address)
    except ValueError:
        return ""
    if mapped := getattr(one, "ipv4_mapped", None):
        return str(mapped)
    return str(one) if one.version == 4 else str(ip_network(f"{one}/{_HOME_V6}", strict=False))
