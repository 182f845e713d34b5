"""Identifiers: UUIDv7, so that sorting by id is sorting by time of creation."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import NewType

Id = NewType("Id", str)
Tenant = NewType("Tenant", str)

#: The only tenant until identity exists; a tenant is part of every record from the start.
DEFAULT_TENANT = Tenant("default")

_RANDOM_BITS = 74


def uuid7(unix_ms: int, entropy: Callable[[int], int]) -> Id:
    """Return an RFC 9562 version 7 UUID for the given time in milliseconds.

    `entropy(bits)` supplies the random part, so that a replay with a seeded source repeats the same ids.
    """
    random = entropy(_RANDOM_BITS)
    value = (unix_ms & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= (random >> 62) << 64
    value |= 0b10 << 62
    value |= random & ((1 << 62) - 1)
    return Id(str(uuid.UUID(int=value)))
