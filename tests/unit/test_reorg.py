"""Where two tellings of a chain part, and when a node is merely behind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from provenance.core.reorg import Standing, fork_point, standing


def chain(branch: str, numbers: range) -> dict[int, bytes]:
    return {number: f"{branch}{number}".encode() for number in numbers}


OURS = chain("a", range(10, 21))


def test_the_same_hash_at_the_cursor_is_canonical() -> None:
    assert standing(OURS, b"a20", (25, b"a25")) is Standing.CANONICAL


def test_another_hash_at_the_cursor_is_a_reorg() -> None:
    assert standing(OURS, b"b20", (25, b"b25")) is Standing.REPLACED


def test_a_head_that_is_our_ancestor_is_behind() -> None:
    assert standing(OURS, None, (15, b"a15")) is Standing.BEHIND
    assert standing(OURS, None, (3, b"a3")) is Standing.BEHIND  # below what we keep: nothing speaks against it


def test_a_shorter_chain_of_other_blocks_is_a_reorg() -> None:
    assert standing(OURS, None, (15, b"b15")) is Standing.REPLACED


@given(st.integers(10, 20), st.integers(10, 20))
def test_the_fork_is_the_highest_common_block_and_never_below_the_floor(fork: int, floor: int) -> None:
    canonical = OURS | chain("b", range(fork + 1, 21))
    assert fork_point(OURS, canonical.get, floor=floor) == (fork if fork >= floor else None)


def test_a_chain_that_ends_below_ours_forks_at_its_end() -> None:
    assert fork_point(OURS, chain("a", range(14)).get, floor=10) == 13


def test_nothing_stored_is_no_fork() -> None:
    assert fork_point({}, OURS.get, floor=0) is None
