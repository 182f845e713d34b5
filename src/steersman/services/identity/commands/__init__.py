"""The commands of identity. Only names and help texts: `steersman --help` imports this and nothing behind it."""

from __future__ import annotations

from steersman.contract.service import Command

_TARGETS = (
    ("user add", "people:add", "Add a person: steersman user add NAME --role admin. Asks for the password."),
    ("user list", "people:show", "List the accounts of a running platform."),
    ("user disable", "people:disable", "Disable an account at once; --enable lets it in again."),
    ("user password", "people:password", "Set somebody's password anew; all their sessions end."),
    ("user role", "people:role", "Give an account exactly these roles."),
    ("key add", "programs:add", "Make an API key for an account; it is shown once."),
    ("key list", "programs:show", "List the API keys of an account."),
    ("key revoke", "programs:revoke", "Revoke an API key; the one named bootstrap is that of the data directory."),
    ("key rotate-signing", "local:rotate_signing", "Sign with the next key from now on."),
    ("key local", "local:local", "Make a new key for this machine's operator; --revoke only takes it back."),
    ("bench auth", "bench_auth:auth", "Measure token checks, sign-ins, and what admission adds to a request."),
    ("bench storm", "bench_storm:storm", "Measure what 500 wrong sign-ins a second leave to everybody else."),
    (
        "prove refresh",
        "prove_refresh:refresh",
        "Prove that one refresh token has one successor, however many present it.",
    ),
)

COMMANDS: tuple[Command, ...] = tuple(
    Command(name=name, help=text, target=f"{__name__}.{target}", permission="local") for name, target, text in _TARGETS
)
