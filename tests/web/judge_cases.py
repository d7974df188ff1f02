"""Cases for both judges: every certificate × chain reading × key × pin that the verification's steps tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from provenance.core import fingerprint, merkle
from provenance.core.batch import Batch, hash_terms
from provenance.core.certificate import Certificate
from provenance.core.encoding import Address, address_of, to_hex
from provenance.core.evidence import (
    BatchOnChain,
    BlockRef,
    BrandOnChain,
    ChainReading,
    Evidence,
    Happening,
    Unread,
    VoucherOnChain,
)
from provenance.core.statements import Domain
from provenance.core.verdict import Judgement
from provenance.core.voucher import State, VoucherId

EXPIRES = 2_000_000_000
HEAD = BlockRef(50, b"\x05" * 32, 1_900_000_000)
INDEX = 3
SECRETS = [bytes([i + 1]) * 16 for i in range(5)]
TERMS = {"product": "可乐 20", "faceValue": {"amount": "20.00", "n": 1.5}, "ok": [True, None]}
KEYS = {
    name: fingerprint.claim_address(bytes([value]) * 16)
    for name, value in (("holder", 90), ("former", 91), ("foreign", 92))
}


def account(n: int) -> Address:
    return address_of(bytes([n]) * 20)


DOMAIN = Domain(31337, account(0xA1))


def _genuine() -> Certificate:
    leaves = [
        fingerprint.leaf(i, fingerprint.claim_address(s), fingerprint.content_hash(b"", None))
        for i, s in enumerate(SECRETS)
    ]
    nodes = merkle.build(leaves)
    owners = (DOMAIN.chain_id, DOMAIN.registry, account(0xB1), account(0xC1))
    batch = Batch(*owners, nodes[0], len(leaves), EXPIRES, hash_terms(TERMS))
    return Certificate(
        batch=batch,
        batch_id=batch.batch_id,
        terms=TERMS,
        mint_transaction=b"\x07" * 32,
        mint_block=40,
        index=INDEX,
        claim_address=fingerprint.claim_address(SECRETS[INDEX]),
        content_hash=fingerprint.content_hash(b"", None),
        proof=tuple(merkle.proof(len(leaves), INDEX, lambda at: nodes[at])),
    )


GENUINE = _genuine()


def _reminted(**changes: Any) -> Certificate:
    """Another batch that names itself correctly."""
    batch = replace(GENUINE.batch, **changes)
    return replace(GENUINE, batch=batch, batch_id=batch.batch_id)


CERTIFICATES: dict[str, Certificate | Unread | None] = {
    "genuine": GENUINE,
    "unread": Unread("no certificate"),
    "unknown": None,
    "other index": replace(GENUINE, index=INDEX + 1),
    "shortened proof": replace(GENUINE, proof=GENUINE.proof[:-1]),
    "bent proof": replace(GENUINE, proof=(b"\x01" * 32, *GENUINE.proof[1:])),
    "other claim address": replace(GENUINE, claim_address=KEYS["foreign"]),
    "content added": replace(GENUINE, content_hash=b"\x02" * 32),
    "other root": _reminted(root=b"\x03" * 32),
    "index beyond the count": _reminted(count=INDEX),
    "other chain": _reminted(chain_id=1),
    "other registry": _reminted(registry=account(0xA2)),
    "other batch id": replace(GENUINE, batch_id=b"\x04" * 8),
    "other terms": replace(GENUINE, terms={**TERMS, "product": "gold"}),
    "terms without canonical form": replace(GENUINE, terms={"n": 2**60}),
    "terms with half a character": replace(GENUINE, terms={"t": "\ud800"}),
}

ON_CHAIN = BatchOnChain(
    GENUINE.batch.brand, GENUINE.batch.supplier, GENUINE.batch.root, 5, EXPIRES, GENUINE.batch.terms_hash, False
)
BRAND = BrandOnChain(True, "Cola", "https://cola.example")
MOVED = Happening("transferred", KEYS["former"], 44, 1_800_000_000, b"\x08" * 32)
MOVED_ON = Happening("transferred", KEYS["holder"], 45, 1_800_000_001, b"\x09" * 32)
SPENT = Happening("redeemed", account(0xD1), 46, 1_800_000_002, b"\x0a" * 32)
SEALED = ChainReading("node", HEAD, ON_CHAIN, BRAND, VoucherOnChain(State.SEALED, None, 0), (), "finalized")
HELD = replace(SEALED, voucher=VoucherOnChain(State.HELD, KEYS["holder"], 2), history=(MOVED, MOVED_ON))
REDEEMED = replace(HELD, voucher=replace(HELD.voucher, state=State.REDEEMED), history=(MOVED, MOVED_ON, SPENT))


def _batch(**changes: Any) -> ChainReading:
    return replace(SEALED, batch=replace(ON_CHAIN, **changes))


CHAINS: dict[str, ChainReading | Unread] = {
    "sealed": SEALED,
    "held": HELD,
    "redeemed": REDEEMED,
    "unread": Unread("dead"),
    "absent": replace(SEALED, batch=None, brand=None, voucher=None),
    "absent and behind": replace(SEALED, head=replace(HEAD, number=39), batch=None, brand=None, voucher=None),
    "absent at the mint": replace(SEALED, head=replace(HEAD, number=40), batch=None, brand=None, voucher=None),
    "brand unread": replace(SEALED, brand=None),
    "voucher unknown": replace(SEALED, voucher=None),
    "brand suspended": replace(SEALED, brand=replace(BRAND, admitted=False)),
    "suspended": _batch(suspended=True),
    "suspended and held": replace(HELD, batch=replace(ON_CHAIN, suspended=True)),
    "last second": replace(SEALED, head=replace(HEAD, timestamp=EXPIRES)),
    "expired": replace(SEALED, head=replace(HEAD, timestamp=EXPIRES + 1)),
    "expired and suspended": replace(_batch(suspended=True), head=replace(HEAD, timestamp=EXPIRES + 1)),
    "expired and redeemed": replace(REDEEMED, head=replace(HEAD, timestamp=EXPIRES + 1)),
    "redeemed while sealed": replace(SEALED, voucher=VoucherOnChain(State.REDEEMED, None, 0), history=(SPENT,)),
    "revoked": replace(SEALED, voucher=VoucherOnChain(State.REVOKED, None, 0)),
    "history unread": replace(HELD, history=Unread("logs refused")),
    "redeemed, history unread": replace(REDEEMED, history=Unread("logs refused")),
    "claimed back": replace(HELD, voucher=VoucherOnChain(State.HELD, GENUINE.claim_address, 3)),
    "finality unread": replace(SEALED, tier=Unread("no finalized")),
    "latest": replace(HELD, tier="latest"),
    "other root": _batch(root=b"\x0b" * 32),
    "other count": _batch(count=4),
    "fewer vouchers": _batch(count=INDEX),
    "other terms hash": _batch(terms_hash=b"\x0c" * 32),
    "other brand": _batch(brand=account(0xB2)),
    "other supplier": _batch(supplier=account(0xC2)),
    "other expiry": _batch(expires_at=EXPIRES + 1),
}
SHOWN: dict[str, Address | None] = {"none": None, "printed": GENUINE.claim_address, **KEYS}
PINS: dict[str, Domain | None] = {"right": DOMAIN, "none": None, "wrong": Domain(1, account(0xA3))}


@dataclass(frozen=True)
class Case:
    name: str
    evidence: Evidence


def cases() -> Iterator[Case]:
    for (c, certificate), (r, chain), (k, key), (p, pin) in product(
        CERTIFICATES.items(), CHAINS.items(), SHOWN.items(), PINS.items()
    ):
        name = f"certificate {c}, chain {r}, key {k}, pin {p}"
        shown = GENUINE.batch_id if c != "index beyond the count" else CERTIFICATES[c].batch_id
        yield Case(name, Evidence(VoucherId(shown, INDEX), key, certificate, pin, chain, HEAD.timestamp))
    yield from clock_cases()


def clock_cases() -> Iterator[Case]:
    """The reader's clock on either side of the expiry, against a chain that is behind it."""
    for (r, chain), read_at, (k, key), (p, pin) in product(
        CHAINS.items(), (EXPIRES, EXPIRES + 1), SHOWN.items(), PINS.items()
    ):
        name = f"chain {r}, key {k}, pin {p}, read {read_at - EXPIRES} s after the expiry"
        yield Case(name, Evidence(GENUINE.voucher_id, key, GENUINE, pin, chain, read_at))


def to_json(evidence: Evidence) -> dict[str, Any]:
    """As api/web/protocol/verdict.js takes it; the certificate as the document that its parser takes."""
    certificate, chain = evidence.certificate, evidence.chain
    return {
        "voucherId": {"batchId": to_hex(evidence.voucher_id.batch_id), "index": evidence.voucher_id.index},
        "keyAddress": _plain(evidence.key_address),
        "certificate": certificate.to_json() if isinstance(certificate, Certificate) else _plain(certificate),
        "pin": evidence.pin and {"chainId": evidence.pin.chain_id, "registry": evidence.pin.registry.lower()},
        "chain": _plain(chain),
        "readAt": evidence.read_at,
    }


def outcome(judgement: Judgement) -> dict[str, Any]:
    """What both judges have to agree on: everything but the words."""
    return {
        "verdict": judgement.verdict,
        "keyStanding": judgement.key_standing,
        "steps": [[step.number, step.name, step.outcome] for step in judgement.steps],
        "voucher": _plain(judgement.voucher),
        "block": _plain(judgement.block),
        "tier": judgement.tier,
        "redemption": _plain(judgement.redemption),
        "expiredBy": judgement.expired_by,
    }


_NAMES = {"expires_at": "expiresAt", "terms_hash": "termsHash"}


def _plain(value: Any) -> Any:
    if isinstance(value, Unread):
        return {"unread": "reason.unread", "values": {}}
    if isinstance(value, bytes):
        return to_hex(value)
    if isinstance(value, str) and value.startswith("0x"):
        return value.lower()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, ChainReading):
        return {name: _plain(getattr(value, name)) for name in vars(value)}
    if hasattr(value, "__dataclass_fields__"):
        return {_NAMES.get(name, name): _plain(item) for name, item in asdict(value).items()}
    return value
