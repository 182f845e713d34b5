"""The keys of one log, from its first to its newest, and which checkpoints each of them may have signed.

A chain is built from one key that is trusted, whichever it is: successions are signed by both sides, so they lead
forward and back. A succession that does not belong to it is refused, not passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steersman.engine.audit.checkpoint import Note, NoteKey, parse_note
from steersman.engine.audit.succession import SignedSuccession, Succession, parse_succession
from steersman.model.errors import InvalidInput
from steersman.services.audit.store.keys import SigningKey, check_signature


@dataclass(frozen=True, slots=True)
class KeyChain:
    """Keys, the first one first; `ends[i]` is the largest size that key i may have signed, the last has no end."""

    keys: tuple[NoteKey, ...]
    ends: tuple[int, ...] = ()

    @property
    def newest(self) -> NoteKey:
        return self.keys[-1]

    def verified(self, text: str) -> Note:
        """Parse a signed checkpoint and check signature, origin and that this key's time was then."""
        note = parse_note(text)
        size = note.checkpoint.size
        at = next((at for at, key in enumerate(self.keys) if note.claims(key)), None)
        if at is None or note.checkpoint.origin != self.newest.name:
            raise InvalidInput(
                f"the checkpoint of {size} entries is by {note.key_name}, and the key here is {self.newest.name}"
            )
        check_signature(self.keys[at], note.signature, note.signed, f"the checkpoint of {size} entries")
        if at < len(self.ends) and size > self.ends[at]:
            raise InvalidInput(f"the checkpoint of {size} entries is by a key that was retired at {self.ends[at]}")
        if at and size <= self.ends[at - 1]:
            raise InvalidInput(f"the checkpoint of {size} entries is by a key that began after {self.ends[at - 1]}")
        return note


def chain_of(trusted: NoteKey, successions: Sequence[str]) -> KeyChain:
    """Return the chain that this key is in; raises `InvalidInput` for a succession that is not part of it."""
    stated = [_checked(text) for text in successions]
    if not stated:
        return KeyChain((trusted,))
    keys = (stated[0].old, *(one.new for one in stated))
    if any(one.old != before for one, before in zip(stated, keys, strict=False)) or trusted not in keys:
        raise InvalidInput("the successions of keys do not belong to one another, or not to the key that is trusted")
    return KeyChain(keys, tuple(one.size for one in stated))


def succession(old: SigningKey, new: SigningKey, size: int, time_ns: int) -> str:
    """Return the text by which one key hands the log on to another."""
    stated = Succession(old.public, new.public, size, time_ns)
    content = stated.text().encode()
    return SignedSuccession(stated, old.private.sign(content), new.private.sign(content)).text()


def _checked(text: str) -> Succession:
    signed = parse_succession(text)
    content, what = signed.stated.text().encode(), f"the succession of a key at {signed.stated.size} entries"
    check_signature(signed.stated.old, signed.by_old, content, what)
    check_signature(signed.stated.new, signed.by_new, content, what)
    return signed.stated
