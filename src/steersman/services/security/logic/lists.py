"""Reads lists of addresses: one a line, with a network's length or without. A wrong line costs itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from steersman.model.errors import InvalidInput
from steersman.services.security.logic.networks import Network, parsed, spared

#: What is told of wrong lines; a file of another kind would have nothing else.
_TOLD = 20
#: A broader network is more likely a slip than a judgement about a part of the internet.
_BROADEST = {4: 8, 6: 16}


@dataclass(frozen=True, slots=True)
class Listed:
    """What a file says: networks, and its wrong lines by number."""

    networks: tuple[Network, ...] = ()
    wrong: tuple[str, ...] = ()


def read(name: str, lines: Iterable[str], never: Sequence[Network]) -> Listed:
    """Return the networks of a list without those that must never be kept out."""
    networks: list[Network] = []
    wrong: list[str] = []
    for number, line in enumerate(lines, 1):
        text = line.partition(";")[0].partition("#")[0].strip().lstrip("\ufeff")
        if not text:
            continue
        try:
            network = parsed(text)
        except InvalidInput as error:
            wrong.append(f"{name}, line {number}: {error.message}")
            continue
        if network.prefixlen < _BROADEST[network.version]:
            wrong.append(f"{name}, line {number}: {network} is too broad to be meant")
        elif touched := spared(network, never):
            wrong.append(f"{name}, line {number}: {network} reaches {touched}, which is never kept out")
        else:
            networks.append(network)
    more = [f"{name}: {len(wrong) - _TOLD} more lines are wrong"] if len(wrong) > _TOLD else []
    return Listed(tuple(networks), (*wrong[:_TOLD], *more))
