"""The certificate that callers see: checked before the port is served, taken anew when its files change.

A pair that cannot be used stops the start with what to do. While the platform runs, it leaves the one before in place:
somebody who replaces two files replaces one of them first.
"""

from __future__ import annotations

import ssl
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from steersman.model.errors import Permanent

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Tls:
    """A certificate with its chain and its private key, both PEM. `now` is seconds UTC."""

    certificate: Path
    private_key: Path
    context: ssl.SSLContext = field(init=False)
    _stamp: tuple[int, int] = field(default=(0, 0), init=False)

    def open(self, now: float) -> None:
        """Read both; raises `Permanent` with the next step."""
        self._stamp = self._stamped()
        self.context = self._read()
        self._check_dates(now)

    def renew(self) -> bool:
        """Take changed files for connections from now on; tell whether that happened."""
        try:
            stamp = self._stamped()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            self._read()
            # The pair was read whole a moment ago: half of it never gets into the context that is in use.
            self.context.load_cert_chain(self.certificate, self.private_key)
        except (Permanent, OSError) as error:
            _log.error("the new certificate is not used", reason=str(error))
            return False
        _log.info("a new certificate is in use", file=str(self.certificate))
        return True

    def _stamped(self) -> tuple[int, int]:
        try:
            return self.certificate.stat().st_mtime_ns, self.private_key.stat().st_mtime_ns
        except OSError as error:
            raise Permanent(
                f"{error.filename} cannot be read ({error.strerror}): "
                "correct house.certificate and house.private_key, or the rights of the file"
            ) from error

    def _read(self) -> ssl.SSLContext:
        if stat.S_IMODE(self.private_key.stat().st_mode) & 0o077:
            raise Permanent(f"others may read the private key {self.private_key}: set its mode to 0600")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        try:
            # Asked at the terminal, a start in the background would wait for ever.
            context.load_cert_chain(self.certificate, self.private_key, password=_no_password)
        except ssl.SSLError as error:
            reason = error.reason or "it is no PEM file"
            raise Permanent(
                f"{self.certificate} and {self.private_key} are no certificate with its key ({reason}): "
                "both have to be PEM, the key the certificate's own and without a password"
            ) from error
        except OSError as error:
            raise Permanent(f"{self.certificate} or its key cannot be read: {error.strerror}") from error
        return context

    def _check_dates(self, now: float) -> None:
        """Say that a certificate is over; the start goes on, for with it the console can still be reached."""
        looking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        looking.load_verify_locations(self.certificate)
        until = min((ssl.cert_time_to_seconds(str(one["notAfter"])) for one in looking.get_ca_certs()), default=now)
        if until < now:
            _log.error("the certificate has expired", file=str(self.certificate), ended=str(_moment(until)))


def _no_password() -> str:
    return ""


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
