"""The permissions of security, for the faces that ask for them."""

from __future__ import annotations

READ = "security.defence.read"
WRITE = "security.measures.write"
PERMISSIONS = {
    READ: "See who behaves like an attacker, what is done about it, and the lists of addresses.",
    WRITE: "Refuse or slow down addresses, lock passwords, end sessions, and lift such measures.",
}
