"""Faults around the processes: a full folder, a certificate, a clock, a wire."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from steersman.services.operations.commands.drill.faults.handle import Course, Done, Handle
from steersman.services.operations.commands.drill.faults.reach import folder_of, reload
from steersman.services.operations.commands.drill.faults.spec import Happening
from steersman.services.operations.commands.drill.mesh import certificates
from steersman.services.operations.commands.drill.mesh.clock import number_in, true_wall
from steersman.services.operations.commands.drill.mesh.layout import Mesh
from steersman.services.operations.commands.drill.mesh.plan import role

_PIECE = 2 << 20
#: What a policy for such a folder may well leave.
_KEPT = 3
_DAY = 86_400.0
_REST_SECONDS = 0.25
#: How far a clock jumps where the scenario does not say.
_JUMP_SECONDS = 3_600.0


def fill_disk(spec: Happening, mesh: Mesh) -> Handle:
    """Archives of past days come in until the quota is passed; `level` is the share of the quota that they reach."""
    archive = folder_of(mesh, spec.target) / "data" / "archive"
    wanted = int(role(spec.target).config["quota_bytes"] * (1.05 if spec.level is None else spec.level))

    def pieces() -> Iterator[float]:
        for number in range(-(-wanted // _PIECE)):
            _old_file(archive / f"day-{number:03}.log", number)
            yield _REST_SECONDS

    def undo() -> None:
        for file in archive.glob("day-*.log"):
            file.unlink(missing_ok=True)

    return Course(
        f"{wanted >> 20} MiB of old archives fill {archive}",
        pieces(),
        undo,
        lambda: len(list(archive.glob("day-*.log"))) > _KEPT,
    )


def _old_file(file: Path, age_days: int) -> None:
    # Random bytes, so that compressing them frees nothing.
    file.write_bytes(secrets.token_bytes(_PIECE))
    past = true_wall() - (age_days + 1) * _DAY
    os.utime(file, (past, past))


def expire_certificate(spec: Happening, mesh: Mesh) -> Handle:
    """The certificate that is served has run out: nobody renewed it."""
    folder = folder_of(mesh, spec.target) / "tls"
    certificates.sign(mesh.folder / "authority", folder, certificates.EXPIRED_DAYS)
    broken = (folder / "cert.pem").read_bytes()
    reload(mesh, spec.target)

    def undo() -> None:
        certificates.sign(mesh.folder / "authority", folder)
        reload(mesh, spec.target)

    there = (folder / "cert.pem").read_bytes
    return Done(f"the certificate of {spec.target} has expired", lambda: there() == broken, undo)


def renew_certificate(spec: Happening, mesh: Mesh) -> Handle:
    """The certificate is renewed in time, as planned."""
    certificates.sign(mesh.folder / "authority", folder_of(mesh, spec.target) / "tls")
    reload(mesh, spec.target)
    return Done(f"the certificate of {spec.target} was renewed as planned")


def jump_clock(spec: Happening, mesh: Mesh) -> Handle:
    """The clock of one service is off from now on."""
    file = folder_of(mesh, spec.target) / "clock_offset"
    jump = _JUMP_SECONDS if spec.level is None else spec.level
    file.write_text(str(jump))
    return Done(
        f"the clock of {spec.target} jumped by {jump:g} s",
        lambda: number_in(file, 0.0) != 0,
        lambda: _write(file, "0"),
    )


def cut_wire(spec: Happening, mesh: Mesh) -> Handle:
    """The network between orders and payments loses everything; the services at its ends are well."""
    mesh.link.lose()
    return Done(
        "the wire between orders and payments loses everything"
        + (", an interface of it is down" if mesh.link.through_namespaces else ""),
        lambda: mesh.link.cut,
        mesh.link.mend,
    )


def _write(file: Path, text: str) -> None:
    file.write_text(text)
