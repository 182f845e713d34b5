"""Gathers what is in force in the running platform. It only reads; what it cannot see it leaves out."""

from __future__ import annotations

from steersman.contract.ports import Ports
from steersman.runtime.house import ITSELF, House
from steersman.runtime.identity import passwords
from steersman.runtime.identity.identity import Identity
from steersman.runtime.settings import LoadedSettings
from steersman.services.compliance.logic.catalogue import outdated
from steersman.services.compliance.model import Facts, Observed, Processing
from steersman.services.compliance.store.files import installed, text_of
from steersman.services.compliance.store.probing import loopback, probed


def gathered(ports: Ports) -> Facts:
    """Return the facts of this process: settings, invariants, versions, and its own answers where its port is known."""
    house, identity = ports.get(LoadedSettings).house, ports.get(Identity).settings
    scheme, answers = ("", {}) if house.port == 0 else _own_answers(house.host, house.port)
    words = {
        "signing": identity.signing_algorithm,
        "breached": "yes" if identity.breached_passwords else "no",
        "log_level": house.log_level,
        "insecure": "yes" if house.insecure else "no",
        "loopback": "yes" if loopback(house.host) else "no",
    }
    return Facts(
        figures={
            "shortest_password": passwords.SHORTEST,
            "longest_password": passwords.LONGEST,
            "argon2_kib": passwords.MEMORY_KIB,
            "argon2_passes": passwords.TIME_COST,
            "idle_hours": identity.idle_hours,
            "signing_key_days": identity.signing_key_days,
        },
        words=words | ({"scheme": scheme} if scheme else {}),
        answers=answers,
        broken=_broken(ports),
        outdated=tuple(outdated(text_of("catalogue/minimums.toml"), installed())),
    )


def processing(ports: Ports) -> list[Processing]:
    """Return the record of processing activities, as the installed services declare it."""
    return [
        Processing(service=service.name, what=kind.what, purpose=kind.purpose, basis=kind.basis, kept=kind.kept)
        for service in ports.get(House).services
        for kind in service.personal
    ]


def _own_answers(host: str, port: int) -> tuple[str, dict[str, Observed]]:
    """Ask this very process, by whichever scheme it speaks."""
    at = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - an address to ask, not to listen on
    for scheme in ("http", "https"):
        if answers := probed(scheme, at, port):
            return scheme, answers
    return "", {}


def _broken(ports: Ports) -> dict[str, str | None]:
    house = ports.get(House)
    return {
        f"{service.name}.{invariant.name}": invariant.check(house.context(service, ITSELF))
        for service in house.services
        for invariant in service.invariants
    }
