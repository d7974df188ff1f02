"""Operations as calldata of the registry. Reads leaves and proofs; writes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from provenance.chain import calldata
from provenance.chain.records import Mint as MintRecord
from provenance.core.statements import Mint, Redeem, Revoke, SignedStatement, Suspend, Transfer
from provenance.errors import Halted
from provenance.store import projections
from provenance.store.tables import Operation
from provenance.store.tiles import TreeReader

OPS = ("transfer", "redeem")
"""The kinds of which many share a transaction."""


def ops(session: Session, operations: Sequence[Operation]) -> list[calldata.Op]:
    """One tree reader a batch, so that operations of one batch share the tiles that were read."""
    trees: dict[bytes, TreeReader] = {}
    return [_op(session, operation, trees) for operation in operations]


def _op(session: Session, operation: Operation, trees: dict[bytes, TreeReader]) -> calldata.Op:
    """First use of a voucher brings its content hash and proof."""
    signed = SignedStatement.parse(operation.statement)
    statement = signed.statement
    if not isinstance(statement, Transfer | Redeem):
        raise Halted(f"operation {operation.id} is no transfer and no redemption")
    tree = _tree(session, statement.batch_id, trees) if statement.nonce == 0 else None
    leaf, content_hash = tree.leaf(statement.index) if tree else (None, None)
    return calldata.Op(
        kind=calldata.Kind.TRANSFER if isinstance(statement, Transfer) else calldata.Kind.REDEEM,
        batch_id=statement.batch_id,
        index=statement.index,
        party=statement.to if isinstance(statement, Transfer) else statement.redeemer,
        nonce=statement.nonce,
        deadline=statement.deadline,
        r=signed.signature.r,
        vs=signed.signature.vs,
        content_hash=content_hash,
        proof=tree.proof(statement.index) if tree else (),
        leaf=leaf,
    )


def _tree(session: Session, batch_id: bytes, trees: dict[bytes, TreeReader]) -> TreeReader:
    if batch_id not in trees:
        trees[batch_id] = projections.tree(session, batch_id)
    return trees[batch_id]


def single(operation: Operation) -> bytes:
    """A mint, a revocation or a suspension: each is a transaction of its own."""
    signed = SignedStatement.parse(operation.statement)
    statement, r, vs = signed.statement, signed.signature.r, signed.signature.vs
    if isinstance(statement, Mint):
        return calldata.encode_mint_for(MintRecord(**vars(statement)), r, vs)
    if isinstance(statement, Revoke):
        return calldata.encode_revoke_for(statement.batch_id, statement.indices, statement.deadline, r, vs)
    if isinstance(statement, Suspend):
        what = (statement.batch_id, statement.suspended, statement.nonce, statement.deadline)
        return calldata.encode_suspend_for(*what, r, vs)
    raise Halted(f"operation {operation.id} is of an unknown kind, {operation.kind}")
