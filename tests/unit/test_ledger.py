"""Folding events, finding forks, judging one transaction: the small pure pieces, against their definitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.core.encoding import address_of
from provenance.core.ledger import ChainEvent, EventKind, VoucherLine, fold_voucher
from provenance.core.reorg import fork_point
from provenance.core.voucher import State

people = st.sampled_from([address_of(bytes(19) + bytes([i])) for i in range(1, 5)])


def event(kind, actor=None, number=1):
    return ChainEvent(kind, number, b"\0" * 32, 0, b"\0" * 32, 0, b"\1" * 8, 0, actor)


@given(st.lists(people), st.sampled_from([None, EventKind.REDEEMED, EventKind.REVOKED]))
def test_a_vouchers_life_is_its_transfers_and_its_end(holders, end):
    events = [event(EventKind.TRANSFERRED, holder) for holder in holders]
    line = fold_voucher([*events, *([event(end)] if end else [])])
    alive = State.HELD if holders else State.SEALED
    assert line.state == (State(end) if end else alive)
    assert line.holder == (holders[-1] if holders else None)
    assert line.nonce == len(holders)


@pytest.mark.parametrize("kind", [k for k in EventKind if k not in ("transferred", "redeemed", "revoked")])
def test_other_events_leave_the_voucher_alone(kind):
    held = VoucherLine(State.HELD, address_of(b"\1" * 20), 3)
    assert held.after(event(kind)) == held


@given(st.integers(1, 30), st.integers(0, 40), st.integers(0, 30))
def test_the_fork_is_the_last_block_on_which_both_chains_agree(length, fork, floor):
    stored = {n: bytes([n]) for n in range(length)}
    canonical = {n: bytes([n]) if n <= fork else b"other" for n in range(length)}
    found = fork_point(stored, canonical.get, floor=floor)
    expected = min(fork, length - 1)
    assert found == (expected if expected >= floor else None)


def test_nothing_stored_has_no_fork():
    assert fork_point({}, {}.get, floor=0) is None


def test_a_shorter_chain_forks_at_its_end():
    stored = {n: bytes([n]) for n in range(10)}
    assert fork_point(stored, {n: bytes([n]) for n in range(6)}.get, floor=0) == 5
