"""The commands of secrets. Only names and help texts: `steersman --help` imports this and nothing behind it."""

from __future__ import annotations

from steersman.contract.service import Command

_TARGETS: tuple[tuple[str, str, str], ...] = (
    ("secret set", "named:put", "Keep a secret under a name; the value comes from standard input."),
    ("secret list", "named:show", "List the names of secrets."),
    ("secret get", "named:get", "Print the value of a secret; the journal says who did."),
    ("secret remove", "named:remove", "Forget a secret."),
    ("secrets status", "ring:status", "Show the keys and how far a rotation is."),
    ("secrets rotate", "ring:rotate", "Make a new key and renew everything under it, while the platform runs."),
    ("secrets destroy", "ring:destroy", "Forget a retired key for good."),
    ("secrets shares", "ceremony:shares", "Print recovery shares of the root key, each for one person."),
    ("secrets rotate-root", "ceremony:rotate_root", "Show shares of another root key and let it take over."),
    ("secrets recover", "ceremony:recover_ring", "Put back a lost root key from shares, or a lost ring."),
    ("secrets import", "imports:take", "Take over secrets that another system encrypted with Fernet."),
    ("secrets import-accounts", "people:take", "Take over people with the PBKDF2 hashes of their passwords."),
    ("bench keys", "bench_keys:keys", "Measure what sealing costs, beside a peer and on real writes."),
    ("prove keys", "prove.keys:keys", "Kill writers and rotations of keys, and prove that nothing is lost."),
)

COMMANDS: tuple[Command, ...] = tuple(
    Command(name=name, help=text, target=f"{__name__}.{target}", permission="local") for name, target, text in _TARGETS
)
