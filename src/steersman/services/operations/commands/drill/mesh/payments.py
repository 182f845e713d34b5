"""Payments: charges customers over TLS. A charge whose time is far from its own clock is refused, as a replay would be.

Health, numbers and planted bugs are on the plain port, so that a certificate that has expired cannot hide them.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime

from steersman.services.operations.commands.drill.mesh.program import Program, start
from steersman.services.operations.commands.drill.mesh.spans import Trace
from steersman.services.operations.commands.drill.mesh.wire import Request, Response, answer

_CHARGE_SECONDS = 0.01
_SKEW_SECONDS = 30.0


def build(program: Program) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)

    def renew() -> None:
        """Take the certificate as it is now, and let clients connect anew."""
        certificate = program.folder / "tls" / "cert.pem"
        context.load_cert_chain(certificate, program.folder / "tls" / "key.pem")
        program.meter.set("tls_certificate_not_after_seconds", _not_after(certificate.read_text()))
        program.server.hang_up()

    async def listen() -> None:
        await program.server.listen(program.config["tls_listen"], context)
        await asyncio.get_running_loop().create_future()

    async def charge(request: Request, place: Trace) -> Response:
        skew = abs(program.clock.wall() - float(request.json()["issued_at"]))
        if skew > _SKEW_SECONDS:
            program.log.write("WARNING", f"charge refused: its time is {skew:.0f} s away from ours")
            return answer(401, error="the time of the charge is too far from ours")
        await asyncio.sleep(_CHARGE_SECONDS)
        return answer(charged=request.json()["amount"])

    renew()
    program.on_reload.append(renew)
    program.background.append(listen)
    program.routes["POST /charge"] = charge


def _not_after(certificate: str) -> float:
    """When a certificate expires; the standard library has no public way to read that from a file."""
    der = ssl.PEM_cert_to_DER_cert(certificate)
    # RFC 5280: Validity ::= SEQUENCE { UTCTime, UTCTime }, each of 13 characters; 30 and 17 are their tags in DER.
    place = der.index(b"\x30\x1e\x17\x0d") + 4 + 13 + 2
    written = der[place : place + 13].decode()
    return datetime.strptime(written, "%y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


if __name__ == "__main__":
    start(build)
