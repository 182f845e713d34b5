"""The commands of security. Only names and help texts: `steersman --help` imports this and nothing behind it."""

from __future__ import annotations

from steersman.contract.service import Command

_TARGETS: tuple[tuple[str, str, str], ...] = (
    (
        "threats check",
        "check:check",
        "Judge the requests or values of a JSONL file: kind, score, reason and time of each.",
    ),
    (
        "bench threats",
        "bench:threats",
        "Measure detection on labelled attacks, on prose, code and log lines, and its time.",
    ),
)

COMMANDS: tuple[Command, ...] = tuple(
    Command(name=name, help=text, target=f"{__name__}.{target}", permission="local") for name, target, text in _TARGETS
)
