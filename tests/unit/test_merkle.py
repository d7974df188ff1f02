"""The tree, and the tiles it is stored in, against a tree written down from protocol.md 2 in another way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from provenance.audit import trees as inspection
from provenance.core import merkle
from provenance.core.encoding import address_bytes, address_of, keccak
from provenance.core.fingerprint import LEAF_BYTES, leaf
from provenance.errors import Halted
from provenance.store.database import Database
from provenance.store.tables import Base, Tile
from provenance.store.tiles import TreeReader, cut, locate
from tests.contract.trees import Tree

LARGER = (1024, 1025, 4097, 65_537)


def public_leaves(count):
    """count × 52 bytes; contents zero in every other one, as protocol 6 writes them."""
    return b"".join(
        keccak(b"claim", i.to_bytes(4, "big"))[:20] + (keccak(i.to_bytes(4, "big")) if i % 2 else bytes(32))
        for i in range(count)
    )


def leaf_hashes(data):
    rows = [data[at : at + LEAF_BYTES] for at in range(0, len(data), LEAF_BYTES)]
    return [leaf(i, address_of(row[:20]), row[20:]) for i, row in enumerate(rows)]


def heap_of(nodes):
    return np.frombuffer(b"".join(nodes), dtype=np.uint8).reshape(-1, 32)


@given(st.lists(st.tuples(st.binary(min_size=20, max_size=20), st.binary(min_size=32, max_size=32)), min_size=1))
def test_root_and_proofs_are_those_of_the_standard_tree(rows):
    """tests/contract/trees.py follows OpenZeppelin with eth_abi and eth_utils, apart from core."""
    values = [(i, address_of(address), content) for i, (address, content) in enumerate(rows)]
    tree = Tree(values)
    nodes = merkle.build([leaf(*value) for value in values])
    assert nodes[0] == tree.root
    for i in range(len(values)):
        proof = merkle.proof(len(values), i, nodes.__getitem__)
        assert proof == tree.proof(i)
        assert len(proof) <= merkle.MAX_PROOF
        assert merkle.root_from(nodes[merkle.leaf_node(len(values), i)], proof) == tree.root


@given(st.integers(2, 60), st.data())
def test_no_altered_proof_leads_to_the_root(count, data):
    nodes = merkle.build(leaf_hashes(public_leaves(count)))
    index = data.draw(st.integers(0, count - 1))
    node = nodes[merkle.leaf_node(count, index)]
    proof = merkle.proof(count, index, nodes.__getitem__)
    place, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
    flipped = (int.from_bytes(proof[place], "big") ^ 1 << bit).to_bytes(32, "big")
    for wrong in (proof[:-1], proof[1:], [*proof, proof[-1]], [*proof[:place], flipped, *proof[place + 1 :]]):
        assert merkle.root_from(node, wrong) != nodes[0]


@pytest.fixture
def store():
    database = Database("sqlite://")
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


def save(database, count, nodes, data, batch_id=b"\1" * 8):
    rows = [
        {"batch_id": batch_id, "level": level, "number": number, "body": body}
        for level, number, body in cut(count, heap_of(nodes), memoryview(data))
    ]
    with database.write() as session:
        session.execute(insert(Tile), rows)
    return rows


def test_tiles_give_every_leaf_and_proof_for_every_count_up_to_600(store):
    """Each count is one batch; of each, the leaves at both ends and around every tile's edge."""
    data = public_leaves(600)
    hashes = leaf_hashes(data)
    for count in range(1, 601):
        nodes = merkle.build(hashes[:count])
        batch_id = count.to_bytes(8, "big")
        save(store, count, nodes, data[: count * LEAF_BYTES], batch_id)
        places = {0, count // 2, 255, 256, 511, 512, count - 1}
        with store.read() as session:
            reader = TreeReader(session, batch_id, count)
            for index in sorted(i for i in places if 0 <= i < count):
                assert reader.proof(index) == merkle.proof(count, index, nodes.__getitem__)
                address, content = reader.public_leaf(index)
                assert address_bytes(address) + content == data[index * LEAF_BYTES : (index + 1) * LEAF_BYTES]


@pytest.mark.parametrize("count", LARGER)
def test_tiles_of_larger_trees_give_the_same_proofs(store, count):
    data = public_leaves(count)
    nodes = merkle.build(leaf_hashes(data))
    rows = save(store, count, nodes, data)
    assert sum(len(row["body"]) for row in rows) < 85 * count + 100  # what tiles.py promises
    assert len(rows) < count / 64 + 20  # and no crowd of small ones
    with store.read() as session:
        for index in (0, 1, 255, 256, count // 2, count - 257, count - 2, count - 1):
            reader = TreeReader(session, b"\1" * 8, count)
            assert reader.proof(index) == merkle.proof(count, index, nodes.__getitem__)
            assert len(reader._tiles) <= 6  # a handful of primary-key reads


@given(st.integers(2, 2**32 - 1), st.data())
def test_every_inner_node_of_any_tree_has_a_place_of_its_own(count, data):
    nodes = data.draw(st.lists(st.integers(1, max(1, count - 2)), min_size=2, max_size=2, unique=count > 3))
    places = [locate(count, node) for node in nodes]
    assert len(set(places)) == len(set(nodes))
    assert all(level >= 1 and 0 <= offset < 510 * 32 for level, _, offset in places)


def test_a_missing_tile_halts_the_reader(store):
    with store.read() as session, pytest.raises(Halted, match="missing"):
        TreeReader(session, b"\1" * 8, 5).proof(0)


# ---------------------------------------------------------------------------------------------- inspection


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([1, 2, 3, 5, 64, 255, 256, 257, 300, 600]), st.data())
def test_any_flipped_bit_of_any_tile_is_found_in_its_row(count, data):
    database = Database("sqlite://")
    Base.metadata.create_all(database.engine)
    content = public_leaves(count)
    nodes = merkle.build(leaf_hashes(content))
    rows = save(database, count, nodes, content)
    with database.read() as session:
        assert list(inspection.differences(session, b"\1" * 8, count, nodes[0])) == []
    row = data.draw(st.sampled_from(rows))
    place = data.draw(st.integers(0, len(row["body"]) - 1))
    body = bytearray(row["body"])
    body[place] ^= 1 << data.draw(st.integers(0, 7))
    with database.write() as session:
        session.get(Tile, (b"\1" * 8, row["level"], row["number"])).body = bytes(body)
    with database.read() as session:
        faults = list(inspection.differences(session, b"\1" * 8, count, nodes[0]))
    database.close()
    assert [fault.row for fault in faults] == [f"tiles {'01' * 8}/{row['level']}/{row['number']}"]


def test_a_changed_root_is_the_batchs_fault(store):
    content = public_leaves(300)
    nodes = merkle.build(leaf_hashes(content))
    save(store, 300, nodes, content)
    with store.read() as session:
        faults = list(inspection.differences(session, b"\1" * 8, 300, keccak(b"another")))
    assert [fault.row for fault in faults] == [f"batches {'01' * 8}"]


@pytest.mark.parametrize("damage", ["cut", "gone", "long"])
def test_a_tile_that_is_cut_gone_or_too_long_is_found(store, damage):
    content = public_leaves(300)
    nodes = merkle.build(leaf_hashes(content))
    save(store, 300, nodes, content)
    with store.write() as session:
        tile = session.get(Tile, (b"\1" * 8, 0, 1))
        if damage == "gone":
            session.delete(tile)
        else:
            tile.body = tile.body[:-1] if damage == "cut" else tile.body + b"\0"
    with store.read() as session:
        faults = list(inspection.differences(session, b"\1" * 8, 300, nodes[0]))
    assert [fault.row for fault in faults] == [f"tiles {'01' * 8}/0/1"]


def test_a_tile_of_no_tree_is_found(store):
    content = public_leaves(5)
    nodes = merkle.build(leaf_hashes(content))
    save(store, 5, nodes, content)
    with store.write() as session:
        session.add(Tile(batch_id=b"\1" * 8, level=3, number=7, body=b"stray"))
    with store.read() as session:
        assert [f.row for f in inspection.differences(session, b"\1" * 8, 5, nodes[0])] == [f"tiles {'01' * 8}/3/7"]
