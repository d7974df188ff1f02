"""What a holder does with a voucher key: sign for its redemption, or re-key it. The key stays in this process."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from provenance.client.client import Client
from provenance.core import fingerprint
from provenance.core.encoding import Address
from provenance.core.statements import Domain, Redeem, SignedStatement, Statement, Transfer, digest, sign
from provenance.core.voucher import SECRET_BYTES, VoucherKey


@dataclass(frozen=True)
class Rekeying:
    """A signed Transfer that is not sent yet, and the key that will be the valid one: keep that safe *first*."""

    signed: SignedStatement
    new_key: VoucherKey
    sealed_content: bytes | None


def redeem(api: Client, domain: Domain, key: VoucherKey, redeemer: Address, deadline: int) -> SignedStatement:
    """The holder's consent that this redeemer, and no other, takes the voucher."""
    nonce = api.voucher(key.voucher_id)["nonce"]
    return sign_with(domain, key, Redeem(key.batch_id, key.index, redeemer, nonce, deadline))


def rekey(api: Client, domain: Domain, key: VoucherKey, deadline: int) -> Rekeying:
    """To a fresh secret of one's own; sealed content is opened and sealed again for it."""
    new_key = draw_key(key)
    nonce = api.voucher(key.voucher_id)["nonce"]
    to = fingerprint.claim_address(new_key.secret)
    signed = sign_with(domain, key, Transfer(key.batch_id, key.index, to, nonce, deadline))
    content = read_content(api, key)
    sealed = None if content is None else fingerprint.seal(new_key.secret, key.index, *content)
    return Rekeying(signed, new_key, sealed)


def give(api: Client, domain: Domain, key: VoucherKey, to: Address, deadline: int) -> SignedStatement:
    """To an address that the receiver has told. Sealed content cannot follow: its new key is known to the receiver alone."""
    nonce = api.voucher(key.voucher_id)["nonce"]
    return sign_with(domain, key, Transfer(key.batch_id, key.index, to, nonce, deadline))


def read_content(api: Client, key: VoucherKey) -> tuple[bytes, str] | None:
    """(salt, content), or None where the voucher has none. Raises InvalidInput where this key does not open it."""
    sealed = api.sealed_content(key.voucher_id)
    if sealed is None:
        return None
    expected = api.certificate(key.voucher_id).content_hash
    return fingerprint.open_sealed(key.secret, key.index, sealed, expected)


def draw_key(key: VoucherKey) -> VoucherKey:
    """The same voucher under a fresh secret from the operating system's random source."""
    return VoucherKey(key.batch_id, key.index, secrets.token_bytes(SECRET_BYTES))


def sign_with(domain: Domain, key: VoucherKey, statement: Statement) -> SignedStatement:
    return SignedStatement(statement, sign(fingerprint.claim_private_key(key.secret), digest(domain, statement)))
