"""The commands of audit. Only names and help texts: `steersman --help` imports this and nothing behind it."""

from __future__ import annotations

from steersman.contract.service import Command

_TARGETS: tuple[tuple[str, str, str], ...] = (
    ("audit verify", "verify:verify", "Recompute the journal's tree and compare it with what was signed."),
    ("audit export", "export:export", "Write entries, checkpoints and public key for a stranger to verify."),
    (
        "audit rotate-key",
        "rotate_key:rotate_key",
        "Hand the log on to a new signing key, also while the platform runs.",
    ),
    ("audit anew", "anew:anew", "Begin a new signed log after its key or evidence was lost; the old one is kept."),
    ("prove evidence", "prove.evidence:evidence", "Kill the platform amid writes of accounts, keys and evidence."),
    ("bench audit", "bench_audit:audit", "Measure durable records a second, and tamper with a journal 1,000 times."),
)

COMMANDS: tuple[Command, ...] = tuple(
    Command(name=name, help=text, target=f"{__name__}.{target}", permission="local") for name, target, text in _TARGETS
)
