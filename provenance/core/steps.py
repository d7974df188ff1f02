"""The steps of a verification, each with what it found and where (protocol 7). Pure; concludes nothing.

Tagged (1)…(8) in the code:
 1 the key parses                          5 batch id and terms hash recompute
 2 the key belongs to the voucher          6 the brand is admitted, the supplier was authorised
 3 leaf and proof give the root            7 status from the chain
 4 the registry holds that batch           8 how settled that is
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from provenance.core import merkle
from provenance.core.batch import Batch, hash_terms
from provenance.core.certificate import Certificate
from provenance.core.encoding import ZERO_HASH, Address, to_hex
from provenance.core.evidence import BatchOnChain, ChainReading, Evidence, Unread
from provenance.core.fingerprint import leaf
from provenance.errors import InvalidInput


class Outcome(StrEnum):
    PROVED = "proved"
    FALSE = "false"
    UNREAD = "unread"
    SKIPPED = "skipped"


class KeyStanding(StrEnum):
    """What the shown key is to the voucher."""

    NOT_SHOWN = "not_shown"  # only the public code was
    PRINTED = "printed"  # the supplier's own key, still valid: claim the voucher
    CURRENT = "current"  # the present holder's key
    FORMER = "former"  # a dead copy: the voucher was re-keyed
    FOREIGN = "foreign"  # never belonged to this voucher
    UNKNOWN = "unknown"  # could not be read


@dataclass(frozen=True)
class Step:
    number: int
    name: str
    outcome: Outcome
    detail: str
    source: str


def relation(evidence: Evidence) -> KeyStanding:
    key, certificate, chain = evidence.key_address, evidence.certificate, evidence.chain
    if key is None:
        return KeyStanding.NOT_SHOWN
    if isinstance(chain, Unread) or chain.voucher is None:
        return KeyStanding.UNKNOWN
    claim = certificate.claim_address if isinstance(certificate, Certificate) else None
    if chain.voucher.holder == key:
        return KeyStanding.CURRENT
    if chain.voucher.holder is None:
        return KeyStanding.UNKNOWN if claim is None else KeyStanding.PRINTED if claim == key else KeyStanding.FOREIGN
    if claim == key:
        return KeyStanding.FORMER
    if isinstance(chain.history, Unread) or claim is None:
        return KeyStanding.UNKNOWN
    return KeyStanding.FORMER if key in _recipients(chain) else KeyStanding.FOREIGN


def _recipients(chain: ChainReading) -> set[Address]:
    happenings = () if isinstance(chain.history, Unread) else chain.history
    return {happening.party for happening in happenings if happening.kind == "transferred"}


def steps(evidence: Evidence, key_standing: KeyStanding) -> tuple[Step, ...]:
    """All eight, in order."""
    return (
        Step(1, "key", Outcome.PROVED, "The code reads as voucher " + str(evidence.voucher_id), "the code"),
        _key_belongs(evidence, key_standing),
        _proof_leads_to_root(evidence),
        _registry_holds_batch(evidence),
        _batch_names_itself(evidence),
        _authorised(evidence),
        _status_read(evidence),
        _settled(evidence),
    )


def _key_belongs(evidence: Evidence, key_standing: KeyStanding) -> Step:  # (2)
    details = {
        KeyStanding.NOT_SHOWN: (Outcome.SKIPPED, "Only the public code was shown"),
        KeyStanding.PRINTED: (Outcome.PROVED, "The key is the printed one, and it is still the valid one"),
        KeyStanding.CURRENT: (Outcome.PROVED, "The key is the present holder's"),
        KeyStanding.FORMER: (Outcome.PROVED, "The key belonged to this voucher, which was since re-keyed to another"),
        KeyStanding.FOREIGN: (Outcome.FALSE, "The key never belonged to this voucher"),
        KeyStanding.UNKNOWN: (Outcome.UNREAD, "Whether the key belongs to this voucher could not be read"),
    }
    outcome, detail = details[key_standing]
    certificate = evidence.certificate
    known = isinstance(certificate, Certificate) and certificate.claim_address == evidence.key_address
    if key_standing is KeyStanding.UNKNOWN and known:
        outcome, detail = Outcome.PROVED, "The key is the printed one; whether it is still valid could not be read"
    return Step(2, "claim address", outcome, detail, "the key and the certificate")


def _proof_leads_to_root(evidence: Evidence) -> Step:  # (3)
    certificate, name, source = evidence.certificate, "proof", "the certificate"
    if not isinstance(certificate, Certificate):
        return Step(3, name, Outcome.UNREAD, _missing(certificate), source)
    if certificate.voucher_id != evidence.voucher_id:
        detail = f"The certificate is for {certificate.voucher_id}, the code for {evidence.voucher_id}"
        return Step(3, name, Outcome.FALSE, detail, source)
    node = leaf(certificate.index, certificate.claim_address, certificate.content_hash)
    if merkle.root_from(node, certificate.proof) != certificate.batch.root:
        return Step(3, name, Outcome.FALSE, "The proof does not lead to the batch's root", source)
    detail = f"{len(certificate.proof)} hashes lead from the voucher to {to_hex(certificate.batch.root)}"
    return Step(3, name, Outcome.PROVED, detail, source)


def _registry_holds_batch(evidence: Evidence) -> Step:  # (4)
    outcome, detail = _compare_registry(evidence)
    source = evidence.chain.source if isinstance(evidence.chain, ChainReading) else "the chain"
    return Step(4, "registry", outcome, detail, source)


def _compare_registry(evidence: Evidence) -> tuple[Outcome, str]:
    certificate, chain, pin = evidence.certificate, evidence.chain, evidence.pin
    if not isinstance(certificate, Certificate):
        return _without_certificate(certificate, chain, evidence.voucher_id.index)
    if pin and (certificate.batch.chain_id, certificate.batch.registry) != (pin.chain_id, pin.registry):
        named = f"{certificate.batch.registry} on chain {certificate.batch.chain_id}"
        return Outcome.FALSE, f"The certificate names the registry {named}, not {pin.registry} on {pin.chain_id}"
    if isinstance(chain, Unread):
        return Outcome.UNREAD, chain.reason
    if chain.batch is None:
        return _batch_absent(certificate, chain)
    differing = _differences(certificate.batch, chain.batch)
    if differing:
        return Outcome.FALSE, f"The registry's {differing[0]} differs from the certificate's"
    if certificate.index >= chain.batch.count:
        return Outcome.FALSE, f"Index {certificate.index} is not among the batch's {chain.batch.count} vouchers"
    detail = f"The registry holds batch {certificate.batch_id.hex()} with this root, count and terms"
    return Outcome.PROVED, detail if pin else detail + "; it is the registry that the certificate itself names"


def _missing(certificate: Unread | None) -> str:
    return certificate.reason if certificate else "No certificate is known for this voucher; ask its supplier for it"


def _without_certificate(certificate: Unread | None, chain: ChainReading | Unread, index: int) -> tuple[Outcome, str]:
    """The registry says that the batch has no such index, or that there is no such batch; the latter counts where no keeper of
    certificates says that the batch still waits for the chain, or could not be asked."""
    if isinstance(chain, ChainReading):
        if chain.batch is None and certificate is None:
            return Outcome.FALSE, "The registry holds no such batch"
        if chain.batch is not None and index >= chain.batch.count:
            return Outcome.FALSE, f"Index {index} is not among the batch's {chain.batch.count} vouchers"
    return Outcome.UNREAD, _missing(certificate)


def _batch_absent(certificate: Certificate, chain: ChainReading) -> tuple[Outcome, str]:
    """An endpoint that has not come as far as the mint cannot say that there was none."""
    if chain.head.number < certificate.mint_block:
        behind = f"The endpoint is at block {chain.head.number}, the mint is in block {certificate.mint_block}"
        return Outcome.UNREAD, behind + "; try again later or ask another endpoint"
    return Outcome.FALSE, "The registry holds no such batch"


def _differences(claimed: Batch, found: BatchOnChain) -> list[str]:
    pairs = {
        "root": (claimed.root, found.root),
        "count": (claimed.count, found.count),
        "terms hash": (claimed.terms_hash, found.terms_hash),
        "brand": (claimed.brand, found.brand),
        "supplier": (claimed.supplier, found.supplier),
        "expiry": (claimed.expires_at, found.expires_at),
    }
    return [name for name, (a, b) in pairs.items() if a != b]


def _batch_names_itself(evidence: Evidence) -> Step:  # (5)
    certificate, name, source = evidence.certificate, "batch id", "the certificate"
    if not isinstance(certificate, Certificate):
        return Step(5, name, Outcome.UNREAD, _missing(certificate), source)
    if certificate.batch.batch_id != certificate.batch_id:
        return Step(5, name, Outcome.FALSE, "The batch id does not follow from the batch's facts", source)
    try:
        terms_hash = hash_terms(certificate.terms)
    except InvalidInput:
        terms_hash = ZERO_HASH
    if terms_hash != certificate.batch.terms_hash:
        return Step(5, name, Outcome.FALSE, "The terms are not those that were minted", source)
    return Step(5, name, Outcome.PROVED, "The batch id and the terms hash recompute", source)


def _authorised(evidence: Evidence) -> Step:  # (6)
    name, chain = "authorisation", evidence.chain
    if isinstance(chain, Unread):
        return Step(6, name, Outcome.UNREAD, chain.reason, "the chain")
    if chain.batch is None or chain.brand is None:
        return Step(6, name, Outcome.UNREAD, "There is no batch whose brand could be asked for", chain.source)
    standing = "is admitted" if chain.brand.admitted else "was admitted at the mint and is suspended now"
    supplier = "its supplier was authorised (the registry mints for no other)"
    return Step(6, name, Outcome.PROVED, f"{chain.brand.name} {standing}; {supplier}", chain.source)


def _status_read(evidence: Evidence) -> Step:  # (7)
    name, chain = "status", evidence.chain
    if isinstance(chain, Unread):
        return Step(7, name, Outcome.UNREAD, chain.reason, "the chain")
    if chain.voucher is None:
        return Step(7, name, Outcome.UNREAD, "The registry knows no such voucher", chain.source)
    detail = f"{chain.voucher.state}, {chain.voucher.nonce} transfers, at block {chain.head.number}"
    return Step(7, name, Outcome.PROVED, detail, chain.source)


def _settled(evidence: Evidence) -> Step:  # (8)
    name, chain = "finality", evidence.chain
    if isinstance(chain, Unread):
        return Step(8, name, Outcome.UNREAD, chain.reason, "the chain")
    if isinstance(chain.tier, Unread):
        return Step(8, name, Outcome.UNREAD, chain.tier.reason, chain.source)
    return Step(8, name, Outcome.PROVED, f"{chain.tier}, block {chain.head.number}", chain.source)
