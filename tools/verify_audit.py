"""Verify an export of a Steersman journal: python verify_audit.py FILE [--key KEYFILE] [--checkpoint FILE].

For whoever does not trust the platform that wrote the export. Python 3.11 and the package `cryptography` are all that
is needed; nothing of Steersman is imported, and everything is computed here from its published description: leaves
and nodes as in RFC 6962, checkpoints as signed notes. A key or checkpoints that were handed over earlier, on another
way, are what makes the result worth something: without them the export only agrees with itself.

Prints OK with size and root and ends with 0, or names the first entry that is wrong and ends with 1.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

COLUMNS = ("seq", "id", "time_ns", "tenant", "actor", "type", "subject", "payload", "cause")
DASH = "\u2014 "


class Wrong(Exception):
    """The export is not what was signed; the message says where."""


def entry_bytes(entry: dict[str, object]) -> bytes:
    """Version 1: the byte 1, then each column as a byte for its kind and its value."""
    out = [b"\x01"]
    for name in COLUMNS:
        value = entry[name]
        if value is None:
            out.append(b"\x00")
        elif isinstance(value, int):
            out.append(b"\x01" + value.to_bytes(8, "big", signed=True))
        else:
            text = value.encode() if isinstance(value, str) else base64.b64decode(value["bytes"])
            out.append((b"\x02" if isinstance(value, str) else b"\x03") + len(text).to_bytes(4, "big") + text)
    return b"".join(out)


class Tree:
    """Perfect subtrees, the largest first; enough to grow and to know the root."""

    def __init__(self) -> None:
        self.size, self.hashes = 0, []

    def add(self, leaf: bytes) -> None:
        self.hashes.append(leaf)
        merges = (~self.size & (self.size + 1)).bit_length() - 1
        for _ in range(merges):
            right = self.hashes.pop()
            self.hashes.append(hashlib.sha256(b"\x01" + self.hashes.pop() + right).digest())
        self.size += 1

    def root(self) -> bytes:
        if not self.hashes:
            return hashlib.sha256(b"").digest()
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = hashlib.sha256(b"\x01" + left + root).digest()
        return root


def read_key(text: str) -> tuple[str, bytes, bytes]:
    """NAME+ID+KEY; returns name, id and the 32 bytes of the key."""
    name, key_id, encoded = text.strip().split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    expected = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if raw[:1] != b"\x01" or len(raw) != 33 or key_id != expected.hex():
        raise Wrong("this is not an Ed25519 public key as NAME+ID+KEY")
    return name, expected, raw[1:]


def check_signature(key: tuple[str, bytes, bytes], seal: str, body: str, what: str) -> None:
    """The line of a signature is a name, and in base64 the key's id and 64 bytes."""
    name, key_id, public = key
    signer, _, encoded = seal.removeprefix(DASH).strip().partition(" ")
    signature = base64.b64decode(encoded, validate=True)
    if signer != name or signature[:4] != key_id:
        raise Wrong(f"{what} was signed by {signer}, and the key is {name}")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], body.encode())
    except InvalidSignature:
        raise Wrong(f"the signature of {what} is wrong") from None


class Keys:
    """The keys of one log in order; key i signed checkpoints above `ends[i - 1]` entries, up to `ends[i]`."""

    def __init__(self, trusted: tuple[str, bytes, bytes], successions: list[str]) -> None:
        self.keys, self.ends = [], []
        for text in successions:
            body, _, seals = text.partition("\n\n")
            origin, title, size, old, new, _ = body.split("\n")
            by_old, by_new = seals.splitlines()
            before, after = read_key(old), read_key(new)
            what = f"the succession of a key at {size} entries"
            check_signature(before, by_old, f"{body}\n", what)
            check_signature(after, by_new, f"{body}\n", what)
            if title != "key succession" or not origin == before[0] == after[0] or self.keys[-1:] not in ([], [before]):
                raise Wrong(f"{what} does not follow the one before it")
            self.keys = self.keys or [before]
            self.keys.append(after)
            self.ends.append(int(size))
        self.keys = self.keys or [trusted]
        if trusted not in self.keys:
            raise Wrong("the key that you trust is not one of this log's keys, nor vouched for by any of them")

    def read_note(self, note: str) -> tuple[int, bytes]:
        """Check the signature of a checkpoint; returns its size and root."""
        body, _, seal = note.partition(f"\n\n{DASH}")
        origin, size_text, root, *_ = body.split("\n")
        size, what = int(size_text), f"the checkpoint of {size_text} entries"
        at = sum(size > end for end in self.ends)
        if origin != self.keys[at][0]:
            raise Wrong(f"{what} is of the log {origin}, and the key is {self.keys[at][0]}")
        check_signature(self.keys[at], seal, f"{body}\n", what)
        return size, base64.b64decode(root, validate=True)


def split_notes(text: str) -> list[str]:
    notes, lines = [], []
    for line in text.splitlines(keepends=True):
        lines.append(line)
        if line.startswith(DASH):
            notes.append("".join(lines).lstrip("\n"))
            lines = []
    return notes


def read_export(path: Path) -> tuple[str, list[dict[str, object]], list[str], list[str]]:
    """Return the key that the export names, its entry lines, its successions of keys and its checkpoints."""
    key, entries, successions, notes = "", [], [], []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            content = json.loads(line)
            if "head" in content:
                key = content["head"]["public_key"]
            elif "checkpoint" in content:
                notes.append(content["checkpoint"])
            elif "succession" in content:
                successions.append(content["succession"])
            elif "entry" in content:
                entries.append(content)
    return key, entries, successions, notes


def check(entries: list[dict[str, object]], checkpoints: list[tuple[int, bytes]]) -> Tree:
    """Recompute every leaf and every root that was signed."""
    tree, waiting, seq, agreed = Tree(), sorted(set(checkpoints)), 0, 0
    for line in entries:
        entry = line["entry"]
        if line["index"] != tree.size:
            place = f"the next one was number {line['index']} in the tree, not {tree.size}"
            raise Wrong(f"entries are missing after {seq}: {place}")
        if not isinstance(entry["seq"], int) or entry["seq"] <= seq:
            raise Wrong(f"the entry {entry['seq']} does not come after {seq}: inserted or reordered")
        leaf = hashlib.sha256(b"\x00" + entry_bytes(entry)).digest()
        if base64.b64encode(leaf).decode() != line["leaf"]:
            raise Wrong(f"the entry {entry['seq']} is not what its leaf says: it was changed")
        seq = entry["seq"]
        tree.add(leaf)
        while waiting and waiting[0][0] <= tree.size:
            size, root = waiting.pop(0)
            if size != tree.size or root != tree.root():
                rewritten = f"something was rewritten after the entry {agreed}"
                raise Wrong(f"the checkpoint of {size} entries has another root: {rewritten}")
            agreed = seq
    if waiting:
        covered = waiting[0][0]
        raise Wrong(f"a checkpoint covers {covered} entries and there are {tree.size}: cut off after the entry {seq}")
    if tree.size and not checkpoints:
        raise Wrong("there is no checkpoint, so nothing vouches for these entries")
    return tree


def counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Verify an export of a Steersman journal.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", type=Path, help="the public key, as it was handed over earlier")
    parser.add_argument("--checkpoint", type=Path, help="checkpoints that were kept elsewhere")
    given = parser.parse_args(arguments)
    try:
        named, entries, successions, notes = read_export(given.file)
        keys = Keys(read_key(given.key.read_text("utf-8") if given.key else named), successions)
        if given.checkpoint:
            notes += split_notes(given.checkpoint.read_text("utf-8"))
        tree = check(entries, [keys.read_note(note) for note in notes])
    except Wrong as wrong:
        print(f"NOT OK: {wrong}")
        return 1
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        print(f"NOT OK: the export is damaged: {type(error).__name__}: {error}")
        return 1
    root = base64.b64encode(tree.root()).decode()
    agree = counted(len(set(notes)), "checkpoint agrees", "checkpoints agree")
    print(f"OK: {counted(tree.size, 'entry', 'entries')} with the root {root}, {agree}")
    if not given.key:
        print(f"The key came with the export itself: ask the platform's owner whether theirs is {named}")
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
