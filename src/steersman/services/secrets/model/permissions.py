"""Who may do what with secrets and keys."""

from __future__ import annotations

NAMES, WRITE, REVEAL = "secrets.names.read", "secrets.values.write", "secrets.values.reveal"
KEYS, ROTATE, DESTROY = "secrets.keys.read", "secrets.keys.rotate", "secrets.keys.destroy"

PERMISSIONS = {
    NAMES: "See which secrets there are, by name.",
    WRITE: "Keep a secret under a name, and remove one.",
    REVEAL: "Read the value of a secret back.",
    KEYS: "See the keys of the ring, and how far a rotation is.",
    ROTATE: "Make a new key and have everything renewed under it.",
    DESTROY: "Forget a retired key for good.",
}
