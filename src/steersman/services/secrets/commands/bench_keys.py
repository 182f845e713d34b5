"""`steersman bench keys`: what sealing costs.

Sealing and opening a password of 32 bytes and a text of 4 KiB, beside Fernet of `cryptography` with one key, which
wraps nothing and binds to no place. Then secrets kept and looked up as the service does it, with its transaction and
its entry in the journal, and the same with a column that seals nothing, in turns, so that both meet the same disk.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from pydantic import SecretStr

from steersman.runtime.keys.envelope import OVERHEAD
from steersman.runtime.keys.imported import FernetPeer
from steersman.runtime.keys.keyring import Marked
from steersman.services.secrets.commands.prove.victim import CALLER, opened
from steersman.services.secrets.model.wire import NewValue
from steersman.services.secrets.store.safe import Safe

_PLACES = ("password of 32 bytes", 32), ("text of 4 KiB", 4096)
_SLICES = 9


def keys(
    rows: Annotated[int, typer.Option(help="Secrets kept and looked up, of each kind.")] = 2000,
    calls: Annotated[int, typer.Option(help="Values sealed and opened, of each kind.")] = 20_000,
) -> None:
    """Measure, and print one line for each figure."""
    with tempfile.TemporaryDirectory(prefix="steersman-bench-") as folder:
        safe = opened(Path(folder))
        marked = safe.ring.column("secrets_named", "sealed")
        for name, size in _PLACES:
            _alone(marked, name, os.urandom(size), calls)
        _stored(safe, rows)


def _alone(marked: Marked, name: str, secret: bytes, calls: int) -> None:
    peer = FernetPeer()
    sealed, token = marked.seal("row", secret), peer.seal(secret)
    pairs: tuple[tuple[str, Callable[[], object], Callable[[], object]], ...] = (
        ("seal", lambda: marked.seal("row", secret), lambda: peer.seal(secret)),
        ("open", lambda: marked.open("row", sealed), lambda: peer.open(token)),
    )
    for what, ours, theirs in pairs:
        mine, fernet = _medians([ours, theirs], calls // _SLICES)
        typer.echo(
            f"{what} a {name}: {mine * 1e6:.1f} us, Fernet {fernet * 1e6:.1f} us: {mine / fernet:.2f} of its time"
        )


def _stored(safe: Safe, rows: int) -> None:
    """Keep and look up secrets as the service does, one transaction and one entry of the journal each."""
    bare, value = replace(safe, column=_Plain()), NewValue(value=SecretStr("a password of some 32 characters"))
    safe.put(CALLER, "sealed", value)
    bare.put(CALLER, "plain", value)
    each = max(1, rows // _SLICES)
    for what, ours, theirs in (
        ("kept", lambda: safe.put(CALLER, "sealed", value), lambda: bare.put(CALLER, "plain", value)),
        ("looked up", lambda: safe.value(CALLER.tenant, "sealed"), lambda: bare.value(CALLER.tenant, "plain")),
    ):
        sealed, plain = _medians([ours, theirs], each)
        more = (sealed / plain - 1) * 100
        typer.echo(f"a secret {what}: {sealed * 1e6:.0f} us, without sealing {plain * 1e6:.0f} us: {more:+.1f} %")


@dataclass(frozen=True, slots=True)
class _Plain:
    """A column that seals nothing, to compare with; as many bytes as an envelope has."""

    def seal(self, row: str, secret: bytes) -> bytes:
        return bytes(OVERHEAD) + secret

    def open(self, row: str, sealed: bytes) -> bytes:
        return sealed[OVERHEAD:]


def _medians(works: list[Callable[[], object]], each: int) -> list[float]:
    """Return the median time of one call of each work; they take turns."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(_SLICES):
        for work, times in zip(works, taken, strict=True):
            began = perf_counter()
            for _ in range(each):
                work()
            times.append((perf_counter() - began) / each)
    return [statistics.median(times) for times in taken]
