"""Every table. The comment over each says who writes it; nobody else does."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ADDRESS = String(42)
ROW_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only in a column declared INTEGER


class Base(DeclarativeBase):
    """Hashes and ids are bytes, addresses EIP-55 text, times Unix seconds."""

    type_annotation_map = {bytes: LargeBinary, int: BigInteger, dict[str, Any]: JSON}  # noqa: RUF012 (SQLAlchemy's own API)


# ---------------------------------------------------------------------------------------------- issuance


class Batch(Base):
    """A batch whose leaves we keep. Written by issuance, once; `visible` is set by its last step."""

    __tablename__ = "batches"
    batch_id: Mapped[bytes] = mapped_column(primary_key=True)
    brand: Mapped[str] = mapped_column(ADDRESS)
    supplier: Mapped[str] = mapped_column(ADDRESS, index=True)
    root: Mapped[bytes]
    count: Mapped[int]
    expires_at: Mapped[int]
    terms_hash: Mapped[bytes]
    terms: Mapped[str] = mapped_column(Text)
    visible: Mapped[bool] = mapped_column(index=True)
    created_at: Mapped[int] = mapped_column(index=True)


class Tile(Base):
    """A piece of a batch's tree (store/tiles.py). Written by issuance, never changed."""

    __tablename__ = "tiles"
    batch_id: Mapped[bytes] = mapped_column(primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[bytes]


class SealedContent(Base):
    """Content encrypted to the holder after `nonce` transfers. Written by issuance (0) and transfer (nonce + 1)."""

    __tablename__ = "sealed_contents"
    batch_id: Mapped[bytes] = mapped_column(primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True)
    nonce: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[bytes]


# ---------------------------------------------------------------------------------------------- operations


class OperationStatus(StrEnum):
    """The comment names who acts next."""

    ACCEPTED = "accepted"  # submission: put it into a transaction
    SENT = "sent"  # the chain: include it
    INCLUDED = "included"  # nobody, unless a reorg puts it back to `sent`
    REFUSED = "refused"  # nobody; `reason` says why


class Operation(Base):
    """What a party asked for. Created by issuance, transfer, redemption and revocation; `transaction_id`, `position` and
    refusals before sending are submission's; `included`, and refusals by the chain, are indexing's."""

    __tablename__ = "operations"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    digest: Mapped[bytes] = mapped_column(unique=True)
    statement: Mapped[dict[str, Any]]
    batch_id: Mapped[bytes]
    index: Mapped[int | None]
    nonce: Mapped[int | None]
    owner: Mapped[str | None] = mapped_column(String(32), index=True)
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[int]
    transaction_id: Mapped[int | None] = mapped_column(index=True)
    position: Mapped[int | None]
    transaction_hash: Mapped[bytes | None]
    block_number: Mapped[int | None]
    block_hash: Mapped[bytes | None]

    __table_args__ = (
        Index("ix_operations_queue", "status", "created_at"),
        Index("ix_operations_block", "block_number"),
        Index("ix_operations_voucher", "batch_id", "index", "nonce"),
        # The reservation: of all operations on one voucher at one nonce, at most one is not refused.
        Index(
            "uq_operations_reservation",
            "batch_id",
            "index",
            "nonce",
            unique=True,
            sqlite_where=text("status <> 'refused' AND \"index\" IS NOT NULL"),
            postgresql_where=text("status <> 'refused' AND \"index\" IS NOT NULL"),
        ),
    )


# ---------------------------------------------------------------------------------------------- submission


class Transaction(Base):
    """One nonce of one signer. Written by submission alone."""

    __tablename__ = "transactions"
    id: Mapped[int] = mapped_column(ROW_ID, primary_key=True, autoincrement=True)
    chain_id: Mapped[int]
    signer: Mapped[str] = mapped_column(ADDRESS)
    nonce: Mapped[int]
    data: Mapped[bytes]
    gas: Mapped[int]
    created_at: Mapped[int]

    __table_args__ = (UniqueConstraint("chain_id", "signer", "nonce"),)


class Attempt(Base):
    """Signed bytes for a transaction, stored before they are sent; one row for each fee. Written by submission alone."""

    __tablename__ = "attempts"
    hash: Mapped[bytes] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(index=True)
    raw: Mapped[bytes]
    max_fee: Mapped[int]
    tip: Mapped[int]
    created_at: Mapped[int]
    sent_at: Mapped[int | None]


class Sender(Base):
    """A signer as submission last saw it, for people and metrics; while `halted` says why, it signs nothing. Written by
    submission alone, under the signer's lease; a person lifts `halted`. Balances are decimal text: wei outgrow 8 bytes."""

    __tablename__ = "senders"
    chain_id: Mapped[int] = mapped_column(primary_key=True)
    signer: Mapped[str] = mapped_column(ADDRESS, primary_key=True)
    nonce: Mapped[int]
    balance: Mapped[str] = mapped_column(String(80))
    low: Mapped[bool]
    base_fee: Mapped[int]
    capped: Mapped[bool]
    attempts: Mapped[int]
    bumps: Mapped[int]
    reverts: Mapped[int]
    answer: Mapped[str] = mapped_column(String(16))
    halted: Mapped[str | None] = mapped_column(Text)
    seen_at: Mapped[int]


class Lease(Base):
    """Who may act under a name, until when. Written through store/leases.py; `epoch` grows with each new owner."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    epoch: Mapped[int]
    expires_at: Mapped[int]


# ---------------------------------------------------------------------------------------------- the chain's side


class Deployment(Base):
    """The registry that this database belongs to, with pinned hashes. Written once, by indexing."""

    __tablename__ = "deployments"
    id: Mapped[int] = mapped_column(primary_key=True)
    chain_id: Mapped[int]
    address: Mapped[str] = mapped_column(ADDRESS)
    genesis_hash: Mapped[bytes]
    block_number: Mapped[int]
    block_hash: Mapped[bytes]


class Cursor(Base):
    """How far indexing has come, and what the chain calls safe and finalized. Written by indexing alone."""

    __tablename__ = "cursors"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    hash: Mapped[bytes]
    timestamp: Mapped[int]
    safe: Mapped[int]
    finalized: Mapped[int]
    halted: Mapped[str | None] = mapped_column(Text)
    reorgs: Mapped[int] = mapped_column(default=0, server_default="0")
    deepest_reorg: Mapped[int] = mapped_column(default=0, server_default="0")


class Block(Base):
    """Every block from the last final one up to the cursor. Written by indexing alone."""

    __tablename__ = "blocks"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes]
    timestamp: Mapped[int]


class Event(Base):
    """core.ledger.ChainEvent as a row. Written by indexing alone."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(ROW_ID, primary_key=True, autoincrement=True)
    block_number: Mapped[int]
    block_hash: Mapped[bytes]
    timestamp: Mapped[int] = mapped_column(index=True)
    transaction_hash: Mapped[bytes]
    log_index: Mapped[int]
    kind: Mapped[str] = mapped_column(String(24))
    batch_id: Mapped[bytes | None]
    index: Mapped[int | None]
    actor: Mapped[str | None] = mapped_column(ADDRESS)
    fields: Mapped[dict[str, Any]]

    __table_args__ = (
        UniqueConstraint("block_number", "log_index"),
        Index("ix_events_voucher", "batch_id", "index", "id"),
        Index("ix_events_kind", "kind", "id"),
        Index("ix_events_actor", "actor", "id"),
    )


class VoucherState(Base):
    """Projection: a voucher to which something happened. Written by indexing alone, like all below."""

    __tablename__ = "voucher_states"
    batch_id: Mapped[bytes] = mapped_column(primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    holder: Mapped[str | None] = mapped_column(ADDRESS)
    nonce: Mapped[int]
    block_number: Mapped[int]


class BatchState(Base):
    """Projection: a batch that was minted, with counts by state."""

    __tablename__ = "batch_states"
    batch_id: Mapped[bytes] = mapped_column(primary_key=True)
    brand: Mapped[str] = mapped_column(ADDRESS, index=True)
    supplier: Mapped[str] = mapped_column(ADDRESS)
    root: Mapped[bytes]
    count: Mapped[int]
    expires_at: Mapped[int]
    terms_hash: Mapped[bytes]
    mint_transaction: Mapped[bytes]
    mint_block: Mapped[int]
    minted_at: Mapped[int]
    suspended: Mapped[bool]
    suspensions: Mapped[int]
    held: Mapped[int]
    redeemed: Mapped[int]
    revoked: Mapped[int]


class BrandState(Base):
    """Projection: a brand and what it told the registrar."""

    __tablename__ = "brand_states"
    brand: Mapped[str] = mapped_column(ADDRESS, primary_key=True)
    admitted: Mapped[bool]
    name: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    licence_hash: Mapped[bytes]


class SupplierState(Base):
    """Projection: a supplier's authorisation by one brand; `quota` is what is left of it."""

    __tablename__ = "supplier_states"
    brand: Mapped[str] = mapped_column(ADDRESS, primary_key=True)
    supplier: Mapped[str] = mapped_column(ADDRESS, primary_key=True)
    quota: Mapped[int]
    until: Mapped[int]


class RedeemerState(Base):
    """Projection: a redeemer's authorisation by one brand."""

    __tablename__ = "redeemer_states"
    brand: Mapped[str] = mapped_column(ADDRESS, primary_key=True)
    redeemer: Mapped[str] = mapped_column(ADDRESS, primary_key=True)
    until: Mapped[int]


# ---------------------------------------------------------------------------------------------- access


class ApiKey(Base):
    """An API key, stored as the SHA-256 of its 32 random bytes. Written by access."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    hash: Mapped[bytes] = mapped_column(unique=True)
    hint: Mapped[str] = mapped_column(String(16))
    role: Mapped[str] = mapped_column(String(16))
    address: Mapped[str | None] = mapped_column(ADDRESS)
    label: Mapped[str] = mapped_column(Text)
    created_at: Mapped[int]
    revoked_at: Mapped[int | None]


class IdempotencyRecord(Base):
    """The first answer to a request with an Idempotency-Key. Written with the operation, by answers."""

    __tablename__ = "idempotency_records"
    scope: Mapped[str] = mapped_column(String(128), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int]
    body: Mapped[bytes]
    created_at: Mapped[int] = mapped_column(index=True)


# ---------------------------------------------------------------------------------------------- webhooks


class WebhookEndpoint(Base):
    """Where somebody wants to be told, and of what. `secret` signs (HMAC needs it in clear). Written by webhooks."""

    __tablename__ = "webhook_endpoints"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32), index=True)
    address: Mapped[str | None] = mapped_column(ADDRESS, index=True)
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text)
    kinds: Mapped[list[str]] = mapped_column(JSON)
    tier: Mapped[str] = mapped_column(String(16))
    disabled: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[int]


class DeliveryStatus(StrEnum):
    """The comment names who acts next."""

    PENDING = "pending"  # webhooks: send it when it is due
    DELIVERED = "delivered"  # nobody
    DEAD = "dead"  # the owner: replay it by hand
    WITHDRAWN = "withdrawn"  # nobody: a reorg took its event back, and the receiver is told so


class WebhookDelivery(Base):
    """One message to one endpoint. Queued by indexing in the commit of its event; the rest is written by webhooks."""

    __tablename__ = "webhook_deliveries"
    endpoint_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    message_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    block_number: Mapped[int] = mapped_column(index=True)
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    next_at: Mapped[int]
    answer: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[int]
    delivered_at: Mapped[int | None]

    __table_args__ = (Index("ix_webhook_deliveries_due", "status", "next_at"),)
