"""The JSON of requests and answers, as pydantic models that the OpenAPI document is made from. The core parses again."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)
from pydantic.alias_generators import to_camel

from provenance.core.ledger import EventKind
from provenance.errors import InvalidInput

Hex = Annotated[bytes, PlainSerializer(lambda data: "0x" + data.hex(), return_type=str)]


def _whole(value: object) -> object:
    """JSON Schema (2020-12, 6.1.1) takes 130920.0 for an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[StrictInt, BeforeValidator(_whole)]
U32 = Annotated[Whole, Field(ge=0, le=2**32 - 1)]
U40 = Annotated[Whole, Field(ge=0, le=2**40 - 1)]
Bytes32 = Annotated[StrictStr, Field(pattern=r"^0x[0-9a-fA-F]{64}$")]
Bytes8 = Annotated[StrictStr, Field(pattern=r"^0x[0-9a-fA-F]{16}$")]
AddressText = Annotated[StrictStr, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Answer(BaseModel):
    """An answer, made from a service's view of the same field names."""

    model_config = ConfigDict(from_attributes=True, alias_generator=to_camel, populate_by_name=True)


class CompactSignature(Body):
    """EIP-2098."""

    r: Bytes32
    vs: Bytes32


class TransferMessage(Body):
    batch_id: Bytes8
    index: U32
    to: AddressText
    nonce: U32
    deadline: U40


class SignedTransfer(Body):
    type: Literal["Transfer"]
    message: TransferMessage
    signature: CompactSignature


class TransferBody(Body):
    """`sealedContent` is the voucher's content sealed for the next holder, where it has content."""

    statement: SignedTransfer
    sealed_content: Annotated[StrictStr, Field(pattern=r"^0x([0-9a-fA-F]{2})*$", max_length=10_000)] | None = None


class RedeemMessage(Body):
    batch_id: Bytes8
    index: U32
    redeemer: AddressText
    nonce: U32
    deadline: U40


class SignedRedeem(Body):
    type: Literal["Redeem"]
    message: RedeemMessage
    signature: CompactSignature


class RedeemBody(Body):
    statement: SignedRedeem


class RevokeMessage(Body):
    batch_id: Bytes8
    indices: Annotated[list[U32], Field(min_length=1, max_length=1000)]
    deadline: U40


class SignedRevoke(Body):
    type: Literal["Revoke"]
    message: RevokeMessage
    signature: CompactSignature


class RevokeBody(Body):
    statement: SignedRevoke


class SuspendMessage(Body):
    batch_id: Bytes8
    suspended: StrictBool
    nonce: U32
    deadline: U40


class SignedSuspend(Body):
    type: Literal["Suspend"]
    message: SuspendMessage
    signature: CompactSignature


class SuspendBody(Body):
    statement: SignedSuspend


def _given(name: str, kind: str) -> dict[str, Any]:
    """A schema that takes an object with this member; null counts as absent."""
    return {"required": [name], "properties": {name: {"type": kind}}}


class VerificationBody(Body):
    """A certificate, or a voucher id; with either, the claim address that the shown key's secret gives. Never a secret."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [_given("certificate", "object"), _given("voucherId", "string")]}
    )
    certificate: dict[str, Any] | None = None
    voucher_id: Annotated[StrictStr, Field(max_length=40)] | None = None
    claim_address: AddressText | None = None


_BELOW_MAX_COUNT = (
    r"0|[1-9][0-9]{0,8}|[1-3][0-9]{9}|4[01][0-9]{8}|42[0-8][0-9]{7}|429[0-3][0-9]{6}|4294[0-8][0-9]{5}"
    r"|42949[0-5][0-9]{4}|429496[0-6][0-9]{3}|4294967[01][0-9]{2}|42949672[0-8][0-9]|429496729[0-4]"
)
VOUCHER_ID = {"pattern": f"^[0-9a-f]{{16}}-({_BELOW_MAX_COUNT})$"}
"""For the document alone: the core parses, and its refusal says more than a pattern's (a key in the place of an id)."""


class BatchPath(BaseModel):
    batch_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="16 hex digits")]


class VoucherPath(BaseModel):
    voucher_id: Annotated[
        str, Field(max_length=40, description="for example 9f3c2a7e81d04b6c-42", json_schema_extra=VOUCHER_ID)
    ]


class OperationPath(BaseModel):
    operation_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Page(BaseModel):
    """Newest first. A page begins at one edge, not at two."""

    model_config = ConfigDict(extra="forbid")
    limit: Annotated[int, Field(ge=1, le=100)] = 20

    @model_validator(mode="after")
    def _one_edge(self) -> Self:
        if getattr(self, "starting_after", None) is not None and getattr(self, "ending_before", None) is not None:
            raise InvalidInput("give starting_after or ending_before, not both", field="ending_before")
        return self


class BatchQuery(Page):
    starting_after: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
    ending_before: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
    supplier: AddressText | None = None


class EventQuery(Page):
    """Blocks and times (Unix seconds) are inclusive."""

    starting_after: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    ending_before: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    batch: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
    voucher: Annotated[str, Field(max_length=40)] | None = None
    kind: EventKind | None = None
    actor: AddressText | None = None
    from_block: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    to_block: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    since: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    until: Annotated[int, Field(ge=0, lt=2**63)] | None = None


class OperationAnswer(Answer):
    """`status`: accepted, sent, included, safe, finalized, or refused with `reason` and `detail`."""

    id: str
    kind: str
    status: str
    reason: str | None
    detail: str | None
    batch_id: Hex
    index: int | None
    created_at: int
    transaction: Hex | None
    block: int | None


class Counts(Answer):
    sealed: int
    held: int
    redeemed: int
    revoked: int


class BatchAnswer(Answer):
    batch_id: Hex
    brand: str
    brand_name: str | None
    supplier: str
    root: Hex
    count: int
    expires_at: int
    terms_hash: Hex
    terms: dict[str, Any] | None
    tier: str
    mint_transaction: Hex | None
    mint_block: int | None
    minted_at: int | None
    suspended: bool
    suspensions: int
    counts: Counts


class VoucherAnswer(Answer):
    voucher_id: str
    batch_id: Hex
    index: int
    state: str
    holder: str | None
    nonce: int
    tier: str
    block: int
    expires_at: int
    suspended: bool
    brand: str
    supplier: str


class EventAnswer(Answer):
    id: int
    kind: str
    voucher_id: str | None
    batch_id: Hex | None
    index: int | None
    actor: str | None
    fields: dict[str, Any]
    block_number: int
    block_hash: Hex
    timestamp: int
    transaction: Hex
    log_index: int
    tier: str


class ListAnswer(BaseModel):
    object: Literal["list"] = "list"
    url: str
    has_more: bool
    data: list[Any]


class Nothing(Body):
    """An empty object."""


class AuditAnswer(BaseModel):
    """`running` has the progress of an audit under way, `last` the result of the one before; null where there is none."""

    running: dict[str, Any] | None
    last: dict[str, Any] | None


class StatisticsAnswer(BaseModel):
    """One entry a period: when it begins (Unix seconds), and how many vouchers were minted, re-keyed, redeemed, revoked."""

    period: int
    data: list[dict[str, Any]]


class StepAnswer(Answer):
    number: int
    name: str
    outcome: str
    detail: str
    source: str


class BlockAnswer(Answer):
    number: int
    hash: Hex
    timestamp: int


class HappeningAnswer(Answer):
    kind: str
    party: str
    block: int
    timestamp: int
    transaction: Hex


class VerdictAnswer(Answer):
    """protocol.md, 7. This is the server's opinion; the certificate lets anyone form their own."""

    verdict: str
    reason: str
    key_standing: str
    voucher_id: str
    state: str | None
    holder: str | None
    nonce: int | None
    tier: str | None
    block: BlockAnswer | None
    redemption: HappeningAnswer | None
    steps: list[StepAnswer]


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str | None
    errors: list[dict[str, Any]]
