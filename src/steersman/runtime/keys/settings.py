"""The section [secrets] of the settings."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class VaultSettings(BaseModel):
    """A HashiCorp Vault, or OpenBao: where secrets are read from, and where the root key may be wrapped.

    With `transit_key` the root key of the ring lies on disk only as Vault's Transit engine wrapped it, and each start
    asks the vault to unwrap it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(max_length=300)
    token_file: Path
    namespace: str = Field(default="", max_length=200)
    mount: str = Field(default="secret", min_length=1, max_length=100)
    transit_mount: str = Field(default="transit", min_length=1, max_length=100)
    transit_key: str = Field(default="", max_length=100, pattern=r"^[\w.-]*$")
    ca_file: Path | None = None
    timeout_seconds: float = Field(default=5.0, gt=0, le=60)

    @field_validator("address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if not parts.hostname or parts.username or parts.query or parts.path not in {"", "/"}:
            raise ValueError("a vault's address is https://HOST:PORT")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
            raise ValueError("a vault is asked over https, except on this machine")
        return value.rstrip("/")


class KeySettings(BaseModel):
    """Where keys and secrets come from besides the data directory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vault: VaultSettings | None = None
