"""What the API hands out can be verified by whoever asked, and a tenant sees its own entries only."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from typing import Any

import pytest

from steersman.contract.ports import Caller
from steersman.engine.audit.checkpoint import NoteKey, parse_note
from steersman.engine.audit.entry import COLUMNS, canonical
from steersman.engine.audit.proofs import extends, includes
from steersman.engine.audit.tree import leaf_hash
from steersman.model.errors import InvalidInput, NotFound
from steersman.model.ids import Tenant
from steersman.services.audit import web
from steersman.services.audit.store.chain import chain_of


def test_an_entry_is_proven_from_what_was_answered_alone(desk: Any) -> None:
    """Its bytes give the leaf, the leaf with the path the root, and the key says that the root was signed."""
    context = desk.context(desk.signed(300))
    key = NoteKey.parse(web.key(context).key)
    for seq in (1, 2, 255, 256, 257, 300):
        (entry,) = web.entries(context, after=seq - 1, limit=1).entries
        proof = web.proof(context, seq)
        leaf = leaf_hash(canonical([getattr(entry, name) for name in COLUMNS]))
        checkpoint = chain_of(key, []).verified(proof.checkpoint.note).checkpoint
        path = [b64decode(one) for one in proof.path]
        assert includes(checkpoint.root, checkpoint.size, proof.index, leaf, path)
        assert (b64decode(entry.leaf_hash or ""), entry.index) == (leaf, proof.index)


def test_an_older_checkpoint_is_proven_to_be_the_beginning_of_the_newest(desk: Any) -> None:
    log = desk.signed(300)
    desk.append(270)
    log.follow()
    context = desk.context(log)
    newest, older = [parse_note(one.note).checkpoint for one in web.checkpoints(context).checkpoints]
    proof = web.consistency(context, older.size)
    assert proof.checkpoint.size == newest.size == 570
    assert extends(300, older.root, 570, newest.root, [b64decode(one) for one in proof.path])
    with pytest.raises(InvalidInput, match="fewer than 571"):
        web.consistency(context, 571)


def test_what_is_not_covered_yet_has_no_proof(desk: Any) -> None:
    log = desk.signed(10)
    desk.append(2)
    context = desk.context(log)
    with pytest.raises(NotFound, match="no checkpoint covers the entry 11 yet"):
        web.proof(context, 11)
    with pytest.raises(NotFound, match="no entry 99"):
        web.proof(context, 99)
    assert [entry.index for entry in web.entries(context, after=9).entries][:3] == [9, None, None]


def test_before_the_first_checkpoint_there_is_nothing_to_prove(desk: Any) -> None:
    context = desk.context(desk.open())
    assert web.checkpoints(context).checkpoints == []
    with pytest.raises(NotFound, match="no checkpoint was signed yet"):
        web.consistency(context, 0)


@pytest.mark.requirement("ASVS-8.4.1")
def test_a_tenant_sees_and_proves_its_own_entries_only(desk: Any) -> None:
    """Numbers of other tenants' entries answer as if they were not there."""
    desk.append(5)
    desk.append(5, tenant=Tenant("other"))
    log = desk.open()
    log.finish()
    context = replace(desk.context(log), caller=Caller("auditor", Tenant("other"), frozenset({web.READ})))
    page = web.entries(context)
    assert ([entry.seq for entry in page.entries], page.next) == ([6, 7, 8, 9, 10, 11], 11)
    assert web.proof(context, 7).index == 6
    with pytest.raises(NotFound, match="no entry 3"):
        web.proof(context, 3)
