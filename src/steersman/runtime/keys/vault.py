"""Asks a vault for secrets (KV version 2), and lets its Transit engine wrap the root key. The one importer of `hvac`.

It is asked only where the settings name one. The token is read anew for each question, from a file that is nobody
else's, and never stands in an error. No redirect is followed, no proxy or token of the environment is taken, and each
question has one deadline for the whole of it, so that a vault that sends a byte a second holds nobody up. Where its
name leads is judged before each question, and what was judged is called.
"""

from __future__ import annotations

import base64
import binascii
import stat
import threading
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from steersman.model.errors import InvalidInput, Permanent, SteersmanError, Temporary
from steersman.runtime.keys.settings import KeySettings, VaultSettings
from steersman.runtime.outgoing import addresses_for, is_address

if TYPE_CHECKING:
    from hvac import Client


@dataclass(frozen=True, slots=True)
class Vault:
    """One vault. Every method blocks and raises `Temporary` or `Permanent` with what to do."""

    settings: VaultSettings

    def read(self, path: str, field: str) -> str:
        """Return a field of the newest version of a secret."""
        mount = self.settings.mount

        def ask(client: Client) -> Any:
            return client.secrets.kv.v2.read_secret_version(
                path=path, mount_point=mount, raise_on_deleted_version=True
            )["data"]["data"]

        found = self._asked(ask, f"read on {mount}/data/{path}")
        if not isinstance(found, dict) or not isinstance(found.get(field), str):
            raise Permanent(f"the secret {path} of the vault has no text named {field}")
        return str(found[field])

    def wrap(self, secret: bytes) -> str:
        """Have Transit encrypt a key; what it answers is proved by having it decrypted again."""
        name, mount = self.settings.transit_key, self.settings.transit_mount
        text = base64.b64encode(secret).decode()

        def ask(client: Client) -> Any:
            return client.secrets.transit.encrypt_data(name, plaintext=text, mount_point=mount)["data"]["ciphertext"]

        wrapped = self._asked(ask, f"update on {mount}/encrypt/{name}")
        if not isinstance(wrapped, str) or not wrapped.startswith("vault:") or self.unwrap(wrapped) != secret:
            raise Temporary("the vault wrapped the root key into something that it cannot unwrap: nothing was changed")
        return wrapped

    def unwrap(self, wrapped: str) -> bytes:
        """Have Transit decrypt what it encrypted."""
        name, mount = self.settings.transit_key, self.settings.transit_mount

        def ask(client: Client) -> Any:
            answer = client.secrets.transit.decrypt_data(name, ciphertext=wrapped, mount_point=mount)
            return base64.b64decode(answer["data"]["plaintext"], validate=True)

        found: bytes = self._asked(ask, f"update on {mount}/decrypt/{name}")
        return found

    def _asked(self, ask: Callable[[Client], Any], needs: str) -> Any:
        """Ask in a thread of its own, within the deadline."""
        client, answers = self._client(), list[Any]()

        def run() -> None:
            try:
                self._lead(client)
                answers.append(ask(client))
            except Exception as error:  # noqa: BLE001 - told to the caller, who knows the branches
                answers.append(error)

        thread = threading.Thread(target=run, name="vault", daemon=True)
        thread.start()
        thread.join(self.settings.timeout_seconds)
        if not answers:
            raise Temporary(f"the vault gave no whole answer within {self.settings.timeout_seconds:g} s")
        if isinstance(answers[0], SteersmanError):
            raise answers[0]
        if isinstance(answers[0], Exception):
            raise self._told(answers[0], needs) from None
        return answers[0]

    def _told(self, error: Exception, needs: str) -> Exception:
        """Return an error in our own words; those of the library may hold what was sent."""
        from hvac import exceptions

        where = self.settings.address
        if isinstance(error, exceptions.Forbidden | exceptions.Unauthorized):
            return Permanent(f"the vault {where} refuses: give the token of {self.settings.token_file} `{needs}`")
        if isinstance(error, exceptions.InvalidPath):
            return Permanent(f"the vault {where} has nothing there: this needs `{needs}`")
        if isinstance(error, exceptions.InvalidRequest):
            return Permanent(f"the vault {where} does not take that: `{needs}`")
        if isinstance(error, exceptions.VaultDown):
            return Temporary(f"the vault {where} is sealed or in maintenance: unseal it")
        if isinstance(error, exceptions.VaultError):
            return Temporary(f"the vault {where} answered with an error: {type(error).__name__}")
        if isinstance(error, binascii.Error | KeyError | TypeError | AttributeError | ValueError):
            return Temporary(f"the vault {where} answered with something that is no answer of a vault")
        return Temporary(f"the vault {where} cannot be reached: {type(error).__name__}")

    def _client(self) -> Client:
        try:
            from hvac import Client
        except ImportError as error:
            raise Permanent(
                "[secrets.vault] is set, and the package hvac is missing: install steersman[vault]"
            ) from error

        one = self.settings
        client = Client(
            url=one.address,
            token=self._token(),
            namespace=one.namespace or None,
            timeout=one.timeout_seconds,
            verify=str(one.ca_file) if one.ca_file else True,
            allow_redirects=False,
        )
        client.session.trust_env = False
        return client

    def _lead(self, client: Client) -> None:
        """Lead a client to where the name of the vault leads, once that was judged; IPv4 first, as vaults listen."""
        parts = urlsplit(self.settings.address)
        host = parts.hostname or ""
        if is_address(host):
            addresses_for(host, [host])
            return
        found = min(addresses_for(host, [host]), key=lambda one: ":" in one)
        there = f"[{found}]" if ":" in found else found
        client.url = parts._replace(netloc=f"{there}:{parts.port}" if parts.port else there).geturl()
        # The peer still hears its name, and its certificate is compared with that.
        client.session.headers["Host"] = parts.netloc
        secure = client.session.get_adapter("https://").poolmanager.connection_pool_kw
        secure.update(server_hostname=host, assert_hostname=host)

    def _token(self) -> str:
        path = self.settings.token_file
        try:
            text, mode = path.read_text("ascii").strip(), path.stat().st_mode
        except (OSError, UnicodeDecodeError) as error:
            raise Permanent(f"the token of the vault in {path} cannot be read") from error
        if stat.S_IMODE(mode) & 0o077:
            raise Permanent(f"others may read {path}: set its mode to 0600")
        if not text:
            raise Permanent(f"{path} is empty: put the token of the vault into it")
        return text


def vault_of(settings: KeySettings) -> Vault | None:
    """Return the vault that the settings name."""
    return None if settings.vault is None else Vault(settings.vault)


def wrapping_of(settings: KeySettings) -> Vault | None:
    """Return what wraps the root key: the vault, where the settings name a key of its Transit engine."""
    return vault_of(settings) if settings.vault is not None and settings.vault.transit_key else None


def wrapping_in(config: Path | None) -> Vault | None:
    """Return what wraps the root key by a file of settings, for commands; raises `InvalidInput`."""
    if config is None:
        return None
    try:
        return wrapping_of(KeySettings.model_validate(tomllib.loads(config.read_text()).get("secrets", {})))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{config} cannot be read: {type(error).__name__}") from error
