"""Strikes a world with reorgs between ordinary work: dropped, moved, conflicting, shorter."""

from __future__ import annotations

import random
from typing import Any

from sqlalchemy import inspect, select

from provenance.store import tables
from tests.faults.world import Minted, World

MANNERS = ("dropped", "moved", "conflicting", "shorter")
FOLDED: tuple[type[tables.Base], ...] = (
    tables.Event,
    tables.VoucherState,
    tables.BatchState,
    tables.Block,
    tables.Operation,
    tables.Transaction,
    tables.Attempt,
)


class Reorgs:
    """`rewound` counts those that the index went back for."""

    def __init__(self, world: World, source: random.Random, *, vouchers: int = 400) -> None:
        self.world, self.random, self.rewound = world, source, 0
        self.batch: Minted = world.mint(vouchers)
        self._place, self._held = 0, {}
        self._vouchers = vouchers
        self._floor = (
            world.anvil.number()
        )  # the batch's mint and the people's rights stay: who sent them is not here any more

    def strike_at_random(self) -> str:
        """The manner."""
        manner = self.random.choice(MANNERS)
        self.strike(manner, self.random.choice((1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 64)))
        return manner

    def strike(self, manner: str, depth: int) -> None:
        """Work, then a reorg of this depth, then everything has to settle again."""
        self.work(depth)
        before = self._cursor()
        depth = min(depth, self.world.anvil.number() - max(self._floor, before.finalized))
        if manner == "moved":
            self._move(depth)
        elif manner == "conflicting":
            self._conflict(depth)
        elif manner == "shorter":
            self.world.anvil.rpc("anvil_rollback", depth)
        else:
            self.world.anvil.reorg(depth)
        self.world.settle()
        self.rewound += self._cursor().reorgs > before.reorgs

    def work(self, depth: int) -> None:
        """Transfers and redemptions spread over the blocks that will be replaced."""
        for _ in range(min(3, depth)):
            self._move_one()
            self.world.settle()
            self.world.anvil.mine(self.random.randint(0, max(0, depth // 3)))
        self.world.settle()

    def _move_one(self) -> None:
        if self._held and self.random.random() < 0.5:
            place, (secret, nonce) = self._held.popitem()
            self.world.redeem(self.batch, place, secret=secret, nonce=nonce)
        elif self.random.random() < 0.5 and self._place < self._vouchers:
            self._held[self._place] = (self.world.transfer(self.batch, self._place), 1)
            self._place += 1
        elif self._place < self._vouchers:
            self.world.redeem(self.batch, self._place)
            self._place += 1

    def _move(self, depth: int) -> None:
        """The same transactions in other blocks of the new branch."""
        kept = self._raw_since(self.world.anvil.number() - depth)
        self.world.anvil.reorg(depth, [(raw, self.random.randint(0, depth - 1)) for raw in kept[:1]])

    def _conflict(self, depth: int) -> None:
        """Somebody else carries one of our statements to the new branch in a transaction of their own."""
        world = self.world
        world.anvil.reorg(depth)
        with world.database.read() as session:
            mine = tables.Transaction.id == tables.Operation.transaction_id
            query = (
                select(tables.Transaction.data).join(tables.Operation, mine).order_by(tables.Transaction.nonce.desc())
            )
            data = session.scalars(query).first()
        if data is not None:
            world.send(world.supplier, data)

    def _raw_since(self, number: int) -> list[str]:
        chain, raw = self.world.anvil, []
        for place in range(number + 1, chain.number() + 1):
            for hash_ in chain.rpc("eth_getBlockByNumber", hex(place), False)["transactions"]:
                raw.append(chain.rpc("eth_getRawTransactionByHash", hash_))
        return raw

    def _cursor(self) -> tables.Cursor:
        with self.world.database.read() as session:
            return session.get_one(tables.Cursor, 1)


def snapshot(world: World) -> dict[str, Any]:
    """Every row of everything that the chain has told or that was sent."""
    found = {}
    with world.database.read() as session:
        for table in FOLDED:
            columns = [getattr(table, column.key) for column in inspect(table).columns]
            found[table.__tablename__] = sorted(map(repr, session.execute(select(*columns))))
        cursor = session.get_one(tables.Cursor, 1)
        found["cursor"] = [cursor.number, cursor.hash.hex(), cursor.finalized]
    return found
