"""What the API of audit answers. Hashes are base64; texts are what was signed, byte for byte."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class PublicKey(BaseModel):
    """The key that checkpoints are verified with; keep a copy outside of this machine."""

    origin: str
    algorithm: str = "Ed25519"
    key: str = Field(description="NAME+ID+KEY, as tools for signed notes read it.")
    successions: list[str] = Field(
        default_factory=list, description="How each older key handed the log on, signed by both sides."
    )


class SignedCheckpoint(BaseModel):
    """One checkpoint; `note` is the text that was signed, with its signature."""

    size: int
    root: str
    time_ns: int
    note: str


class Checkpoints(BaseModel):
    """The newest checkpoints, newest first."""

    checkpoints: list[SignedCheckpoint]


class Opened(BaseModel):
    """What an entry says to whoever may see persons: the actor's name, and the payload with what was sealed."""

    actor: str
    payload: dict[str, Any]


class AuditEntry(BaseModel):
    """One entry as its leaf is made of it: `payload` is the stored JSON text, unparsed.

    `index` and `leaf_hash` are null until the tree has taken it in.
    """

    seq: int
    id: str
    time_ns: int
    tenant: str
    actor: str
    type: str
    subject: str
    payload: str
    cause: str | None
    index: int | None
    leaf_hash: str | None
    opened: Opened | None = Field(None, description="Needs the permission audit.personal.read.")


class AuditEntries(BaseModel):
    """Entries in order; pass `next` as `after` to go on."""

    entries: list[AuditEntry]
    next: int


class InclusionProof(BaseModel):
    """Shows that an entry stands in the log that the checkpoint is about (RFC 9162, 2.1.3)."""

    seq: int
    index: int
    leaf_hash: str
    path: list[str]
    checkpoint: SignedCheckpoint


class ConsistencyProof(BaseModel):
    """Shows that the log of `first` entries is the beginning of the one that the checkpoint is about (2.1.4)."""

    first: int
    path: list[str]
    checkpoint: SignedCheckpoint
