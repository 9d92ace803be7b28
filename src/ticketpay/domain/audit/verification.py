"""Verification: walk a chain from its start and say everything that is not as it was written."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from uuid import UUID

import attrs

from ticketpay.domain.audit.chain import GENESIS, key_id_of, link_hash, seal_of
from ticketpay.domain.audit.model import Checkpoint, Head, KeptHead, Linked
from ticketpay.domain.kernel.ids import TenantId

__all__ = ["AuditReport", "ChainCheck", "Findings"]


@attrs.frozen(kw_only=True)
class Findings:
    """What the store holds beside the links: waiting entries, and what belongs nowhere.

    ``strays`` are entries that are neither chained nor waiting, and whatever waits without an
    entry or although it is chained.
    """

    waiting: int
    strays: tuple[UUID, ...]


@attrs.frozen(kw_only=True)
class AuditReport:
    """What was found; ``waiting`` entries are recorded but not chained yet."""

    head: Head
    waiting: int
    checkpoints: int
    differences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.differences


@attrs.define(kw_only=True)
class ChainCheck:
    """A walk along a chain: ``see`` the links in order, then ``report``.

    ``keys`` are those that may have sealed checkpoints, the current one first; without any the
    seals of keyed checkpoints are not checked; with one the last checkpoint must be keyed.
    ``kept`` are heads from elsewhere.
    """

    tenant: TenantId
    keys: Sequence[bytes] = ()
    kept: Sequence[KeptHead] = ()
    seq: int = GENESIS.seq
    _hash: str = GENESIS.hash
    _wrong: list[str] = attrs.field(factory=list)
    _wanted: dict[int, str] = attrs.field(factory=dict)
    _hashes: set[str] = attrs.field(factory=set)

    def want(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Expect the hashes of these checkpoints; called before the links are seen."""
        self._wanted = {c.seq: c.hash for c in checkpoints}

    def see(self, linked: Linked) -> None:
        """The next link; whatever is wrong with it, the walk goes on from what it says."""
        link, entry = linked.link, linked.entry
        if link.seq != self.seq + 1:
            self._say(f"link {self.seq + 1} is missing: after {self.seq} comes {link.seq}")
        if entry is None:
            self._say(f"the entry of link {link.seq} is missing or cannot be read")
        elif entry.id != link.entry_id or link.hash != link_hash(
            self.tenant, link.seq, self._hash, entry
        ):
            self._say(f"link {link.seq} does not follow from its entry and the link before")
        self._compare(link.seq, link.hash)
        self.seq, self._hash = link.seq, link.hash

    def report(
        self, head: Head, checkpoints: Sequence[Checkpoint], findings: Findings
    ) -> AuditReport:
        """Compare the end with the head, the checkpoints and what was kept elsewhere."""
        if (head.seq, head.hash) != (self.seq, self._hash):
            self._say(f"the chain ends at {self.seq}, the head says {head.seq}")
        self._check_checkpoints(head, checkpoints)
        for kept in self.kept:
            self._check_kept(kept)
        for stray in findings.strays:
            self._say(f"entry {stray} is neither in the chain nor waiting for it")
        return AuditReport(
            head=head,
            waiting=findings.waiting,
            checkpoints=len(checkpoints),
            differences=tuple(self._wrong),
        )

    def _say(self, what: str) -> None:
        self._wrong.append(what)

    def _compare(self, seq: int, found: str) -> None:
        if self._wanted.get(seq, found) != found:
            self._say(f"link {seq} is not what its checkpoint says")
        for kept in self.kept:
            if kept.seq == seq and kept.hash != found:
                self._say(f"link {seq} is not what the kept head says")
            elif kept.hash == found:
                self._hashes.add(found)

    def _check_checkpoints(self, head: Head, checkpoints: Sequence[Checkpoint]) -> None:
        numbers = [c.number for c in checkpoints]
        if numbers != list(range(1, head.checkpoints + 1)):
            self._say(f"{len(numbers)} checkpoints are there, the head says {head.checkpoints}")
        places = [(c.seq, c.hash) for c in checkpoints]
        if places != sorted(set(places)):
            self._say("the checkpoints are not in the order of the chain")
        if (places or [(GENESIS.seq, GENESIS.hash)])[-1] != (head.seq, head.hash):
            self._say("the last checkpoint is not at the head")
        keyed = False
        for checkpoint in checkpoints:
            self._check_seal(checkpoint, keyed=keyed)
            keyed = keyed or bool(checkpoint.key_id)
        if self.keys and checkpoints and not checkpoints[-1].key_id:
            # Else whoever replaces all seals by unkeyed ones would look like the days before keys.
            self._say(f"checkpoint {checkpoints[-1].number}, the last, is sealed without a key")

    def _check_seal(self, checkpoint: Checkpoint, *, keyed: bool) -> None:
        number = checkpoint.number
        if checkpoint.seq > self.seq:
            self._say(f"checkpoint {number} is at {checkpoint.seq}, the chain ends at {self.seq}")
        if keyed and not checkpoint.key_id:
            self._say(f"checkpoint {number} is sealed without a key, an earlier one with")
        keys = {key_id_of(key): key for key in (b"", *self.keys)}
        key = keys.get(checkpoint.key_id)
        if key is None:
            if self.keys:
                self._say(f"checkpoint {number} is sealed with an unknown key")
        elif not hmac.compare_digest(
            checkpoint.seal.encode(), seal_of(self.tenant, checkpoint, key).encode()
        ):
            self._say(f"the seal of checkpoint {number} is broken")

    def _check_kept(self, kept: KeptHead) -> None:
        if kept.seq is not None and kept.seq > self.seq:
            self._say(f"the kept head is at {kept.seq}, the chain ends at {self.seq}")
        elif kept.hash not in self._hashes and kept.hash != GENESIS.hash:
            self._say("no link has the hash of the kept head")
