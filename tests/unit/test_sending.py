"""What the sender decides, from what it saw: each rule of design.md, "Money and nonces", that needs no database."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.core.sending import Answer, Decision, Fees, Patience, Seen, bumped, decide, suggested, understand

PATIENCE = Patience(rebroadcast_after=1, outbid_after=5, bump_after=60, foreign_after=10)
PENDING = Seen(receipt=None, nonce=7, chain_nonce=7, known=True, since_sent=2.0, since_signed=2.0)
CEILING = 10**12
wei = st.integers(0, 10**13)


def test_a_receipt_ends_it_whatever_else_was_seen() -> None:
    assert decide(replace(PENDING, receipt=1, chain_nonce=99, since_missing=99), PATIENCE) is Decision.EXECUTED
    assert decide(replace(PENDING, receipt=0, since_signed=999), PATIENCE) is Decision.REVERTED


def test_what_was_never_sent_is_sent_at_once() -> None:
    assert decide(replace(PENDING, known=False, since_sent=None, since_signed=0), PATIENCE) is Decision.REBROADCAST


def test_what_the_node_forgot_is_sent_again_but_not_in_every_round() -> None:
    assert decide(replace(PENDING, known=False, since_sent=0.5), PATIENCE) is Decision.WAIT
    assert decide(replace(PENDING, known=False, since_sent=1.0), PATIENCE) is Decision.REBROADCAST


def test_what_the_node_forgot_is_not_outbid_but_sent_again() -> None:
    assert decide(replace(PENDING, known=False, since_signed=999), PATIENCE) is Decision.REBROADCAST


def test_what_the_node_knows_is_left_alone_until_it_is_old() -> None:
    assert decide(replace(PENDING, since_signed=59.9), PATIENCE) is Decision.WAIT
    assert decide(replace(PENDING, since_signed=60), PATIENCE) is Decision.BUMP


def test_a_base_fee_above_the_cap_is_answered_sooner() -> None:
    assert decide(replace(PENDING, outbid=True, since_signed=5), PATIENCE) is Decision.BUMP


def test_at_the_ceiling_it_waits() -> None:
    assert decide(replace(PENDING, raisable=False, since_signed=999), PATIENCE) is Decision.WAIT


def test_a_used_up_nonce_is_foreign_only_after_patience() -> None:
    gone = replace(PENDING, chain_nonce=8)
    assert decide(replace(gone, since_missing=9.9), PATIENCE) is Decision.WAIT
    assert decide(replace(gone, since_missing=10), PATIENCE) is Decision.FOREIGN


@given(wei, wei, wei, wei)
def test_a_replacement_pays_a_tenth_more_in_both_and_stays_under_the_ceiling(
    fee: int, tip: int, base: int, ask: int
) -> None:
    last = Fees(fee, min(tip, fee))
    new = bumped(last, suggested(base, ask, CEILING), CEILING)
    if new is None:
        assert last.max_fee * 110 > CEILING * 100 - 100 or last.tip * 110 > CEILING * 100 - 100
        return
    assert new.max_fee * 100 >= last.max_fee * 110
    assert new.tip * 100 >= last.tip * 110
    assert new.tip <= new.max_fee <= CEILING
    assert new.max_fee > last.max_fee


@given(wei, wei)
def test_a_suggestion_never_passes_the_ceiling(base: int, tip: int) -> None:
    fees = suggested(base, tip, CEILING)
    assert fees.tip <= fees.max_fee <= CEILING


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("already known", Answer.KNOWN),  # geth
        ("transaction already imported", Answer.KNOWN),  # anvil
        ("Known transaction", Answer.KNOWN),  # Besu
        ("AlreadyKnown", Answer.KNOWN),  # Nethermind
        ("nonce too low: next nonce 5, tx nonce 4", Answer.NONCE_USED),  # geth
        ("Nonce too low", Answer.NONCE_USED),  # Besu
        ("replacement transaction underpriced", Answer.UNDERPRICED),
        ("transaction underpriced: tip needed 1, tip permitted 0", Answer.UNDERPRICED),
        ("max fee per gas less than block base fee", Answer.UNDERPRICED),
        ("insufficient funds for gas * price + value", Answer.FUNDS),
        ("Insufficient funds for gas * price + value", Answer.FUNDS),  # anvil
        ("intrinsic gas too low", Answer.REFUSED),
    ],
)
def test_nodes_words_are_understood(words: str, meaning: Answer) -> None:
    assert understand(words) is meaning
