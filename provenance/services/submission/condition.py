"""What a person sees of a signer: nonce, balance, fees, and why it stopped. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Update, update
from sqlalchemy.orm import Session

from provenance.core.encoding import Address
from provenance.core.sending import Answer
from provenance.store.tables import Sender


@dataclass(frozen=True)
class Look:
    """The signer as the node sees it now: nonce at latest, wei, wei per gas."""

    nonce: int
    balance: int
    base_fee: int


class Condition:
    """One row of `senders`. Every method is called inside the caller's write."""

    def __init__(self, chain_id: int, signer: Address) -> None:
        self._key = (chain_id, signer)

    def note(self, session: Session, look: Look, *, low: bool, capped: bool, halted: str | None, now: int) -> None:
        row = self.read(session)
        if row is None:
            blank = {"attempts": 0, "bumps": 0, "reverts": 0, "answer": ""}
            row = Sender(chain_id=self._key[0], signer=self._key[1], **blank)
            session.add(row)
        row.nonce, row.balance, row.base_fee = look.nonce, str(look.balance), look.base_fee
        row.low, row.capped, row.seen_at = low, capped, now
        row.halted = row.halted or halted  # only a person lifts it

    def read(self, session: Session) -> Sender | None:
        return session.get(Sender, self._key)

    def count(self, session: Session, *, attempts: int = 0, bumps: int = 0, reverts: int = 0) -> None:
        more = {
            "attempts": Sender.attempts + attempts,
            "bumps": Sender.bumps + bumps,
            "reverts": Sender.reverts + reverts,
        }
        session.execute(self._update().values(more))

    def answered(self, session: Session, answer: Answer) -> None:
        session.execute(self._update().values(answer=answer))

    def halt(self, session: Session, reason: str) -> None:
        session.execute(self._update().values(halted=reason))

    def _update(self) -> Update:
        return update(Sender).where(Sender.chain_id == self._key[0], Sender.signer == self._key[1])
