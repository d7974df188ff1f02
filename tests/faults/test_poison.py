"""What the chain may hold although nobody sane writes it: it must not stop the index for everybody."""

import pytest
from sqlalchemy import select

from provenance.chain import calldata
from provenance.store.tables import BrandState
from tests.faults.conftest import NewWorld
from tests.faults.invariants import check

OTHER = "0x00000000000000000000000000000000000000AA"
ODD = {"no UTF-8": b"Co\xff\xfela", "NUL": b"Co\0\0la", "half a character": "可".encode()[:2] + b"xxxx"}


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
def test_a_brand_with_an_odd_name_is_indexed_like_any_other(
    new_world: NewWorld, database_url: str, name: bytes
) -> None:
    world = new_world(database_url)
    plain = calldata.encode_admit_brand(OTHER, "N" * len(name), "https://r.example", bytes(32))
    world.send(world.admin, plain.replace(b"N" * len(name), name))
    batch = world.mint(1)  # indexing goes on behind it
    world.redeem(batch, 0)
    world.settle()
    assert check(world).included == 2
    shown = name.decode("utf-8", "replace").replace("\0", "\ufffd")
    with world.database.read() as session:
        assert session.scalar(select(BrandState.name).where(BrandState.brand == OTHER)) == shown
    assert world.services.registry.brand(OTHER, "latest").name == shown
