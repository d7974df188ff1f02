"""provenance audit as an adversary of the database: change anything that matters and the row is named."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from provenance import wiring
from provenance.errors import Halted, Undetermined
from provenance.store.database import Database
from provenance.store.migrate import upgrade
from tests.town import FAR


@pytest.fixture(scope="module")
def lively(town):
    """A batch over several tiles in which all kinds of things have happened."""
    return town.live(700)


class Tampering:
    """SQL behind the service's back, taken back at the end of the test."""

    def __init__(self, town):
        self._town, self._undo = town, []

    def change(self, table, column, where, value):
        with self._town.database.write() as session:
            (old,) = session.execute(text(f'SELECT "{column}" FROM {table} WHERE {where}')).one()
            self._undo.append((f'UPDATE {table} SET "{column}" = :value WHERE {where}', {"value": old}))
            session.execute(text(f'UPDATE {table} SET "{column}" = :value WHERE {where}'), {"value": value(old)})

    def delete(self, table, where):
        with self._town.database.write() as session:
            for row in session.execute(text(f"SELECT * FROM {table} WHERE {where}")).mappings().all():
                names = ", ".join(f'"{name}"' for name in row)
                places = ", ".join(f":{name}" for name in row)
                self._undo.append((f"INSERT INTO {table} ({names}) VALUES ({places})", dict(row)))
            session.execute(text(f"DELETE FROM {table} WHERE {where}"))

    def undo(self):
        with self._town.database.write() as session:
            for statement, values in reversed(self._undo):
                session.execute(text(statement), values)


@pytest.fixture
def tampering(town):
    tampering = Tampering(town)
    yield tampering
    tampering.undo()
    assert town.services.audit.run().differences == ()


def rows_named(town):
    return [difference.row for difference in town.services.audit.run().differences]


def flipped(place=0, bit=1):
    def flip(value):
        data = bytearray(value if isinstance(value, bytes) else str(value).encode())
        data[place % len(data)] ^= bit
        return bytes(data) if isinstance(value, bytes) else data.decode("latin-1")

    return flip


def test_a_database_that_nobody_touched_is_clean(town, lively):
    seen = []
    report = town.services.audit.run(lambda step, done, total: seen.append(step))
    assert report.differences == ()
    assert report.batches == town.row_counts()["batches"]
    assert report.events == town.row_counts()["events"]
    assert set(seen) >= {"trees", "events", "storage"}


BATCHES = {
    "root": flipped(3),
    "terms": flipped(5),
    "terms_hash": flipped(31),
    "brand": flipped(5),
    "supplier": lambda value: value.lower(),
    "count": lambda value: value + 1,
    "expires_at": lambda value: value - 1,
}


@pytest.mark.parametrize("column", BATCHES)
def test_a_changed_batch_is_named(town, lively, tampering, column):
    tampering.change("batches", column, f"batch_id = x'{lively.batch_id.hex()}'", BATCHES[column])
    assert f"batches {lively.batch_id.hex()}" in rows_named(town)


@pytest.mark.parametrize("value", ["x", "", "0x", "0x" + "zz" * 20, "\U0001f4a5"])
def test_a_batch_whose_parties_are_no_addresses_is_named(town, lively, tampering, value):
    tampering.change("batches", "brand", f"batch_id = x'{lively.batch_id.hex()}'", lambda old: value)
    assert f"batches {lively.batch_id.hex()}" in rows_named(town)


@pytest.mark.parametrize("count", [0, -1, 2**33, 2**62])
def test_a_count_that_no_tree_has_is_named_quickly(town, lively, tampering, count):
    tampering.change("batches", "count", f"batch_id = x'{lively.batch_id.hex()}'", lambda old: count)
    assert f"batches {lively.batch_id.hex()}" in rows_named(town)


@pytest.mark.parametrize(("level", "number"), [(0, 0), (0, 2), (1, 0), (2, 3), (2, 6)])
def test_one_flipped_bit_of_a_tile_names_the_tile(town, lively, tampering, level, number):
    where = f"batch_id = x'{lively.batch_id.hex()}' AND level = {level} AND number = {number}"
    tampering.change("tiles", "body", where, flipped(77, 0x10))
    assert rows_named(town) == [f"tiles {lively.batch_id.hex()}/{level}/{number}"]


def test_a_missing_tile_is_named(town, lively, tampering):
    tampering.delete("tiles", f"batch_id = x'{lively.batch_id.hex()}' AND level = 0 AND number = 1")
    assert rows_named(town) == [f"tiles {lively.batch_id.hex()}/0/1"]


EVENTS = {
    "kind": lambda value: "redeemed",
    "block_hash": flipped(2),
    "transaction_hash": flipped(9),
    "timestamp": lambda value: value + 1,
    "actor": flipped(9),
    "index": lambda value: 9,
    "fields": lambda value: '{"a": 1}',
    "batch_id": flipped(1),
}


@pytest.mark.parametrize("column", EVENTS)
def test_a_changed_event_is_named(town, lively, tampering, column):
    place = event_place(town, lively, "transferred")
    tampering.change("events", column, f"block_number = {place[0]} AND log_index = {place[1]}", EVENTS[column])
    assert f"events {place[0]}/{place[1]}" in rows_named(town)


def event_place(town, draft, kind):
    with town.database.read() as session:
        query = "SELECT block_number, log_index FROM events WHERE batch_id = :id AND kind = :kind"
        return session.execute(text(query), {"id": draft.batch_id, "kind": kind}).first()


@pytest.mark.parametrize("kind", ["minted", "transferred", "redeemed", "revoked", "suspended"])
def test_an_event_that_was_deleted_is_named(town, lively, tampering, kind):
    place = event_place(town, lively, kind)
    tampering.delete("events", f"block_number = {place[0]} AND log_index = {place[1]}")
    assert f"events {place[0]}/{place[1]}" in rows_named(town)


STATES = {
    ("voucher_states", "state"): (1, lambda value: "redeemed"),
    ("voucher_states", "holder"): (1, lambda value: "0x5FbDB2315678afecb367f032d93F642f64180aa3"),
    ("voucher_states", "nonce"): (1, lambda value: value + 1),
    ("voucher_states", "block_number"): (2, lambda value: value - 1),
    ("voucher_states", "state "): (2, lambda value: "sealed"),
    ("voucher_states", "state  "): (3, lambda value: "nonsense"),
}


@pytest.mark.parametrize(("table", "column"), STATES, ids=str)
def test_a_changed_voucher_is_named(town, lively, tampering, table, column):
    index, value = STATES[table, column]
    where = f"batch_id = x'{lively.batch_id.hex()}' AND \"index\" = {index}"
    tampering.change(table, column.strip(), where, value)
    found = rows_named(town)
    assert set(found) == {f"voucher_states {lively.batch_id.hex()}/{index}"}


def test_a_voucher_that_was_forgotten_is_named(town, lively, tampering):
    """A redeemed one without its row could be redeemed again, were it not for the contract."""
    mine = f"batch_id = x'{lively.batch_id.hex()}'"
    tampering.delete("voucher_states", f'{mine} AND "index" = 2')
    assert rows_named(town) == [f"voucher_states {lively.batch_id.hex()}/2"]


@pytest.mark.parametrize("index", [600, 700, -1, 2**40])
def test_a_voucher_that_was_made_up_is_named(town, lively, index):
    values = {"id": lively.batch_id, "at": index, "holder": town.address("rival")}
    with town.database.write() as session:
        row = "INSERT INTO voucher_states VALUES (:id, :at, 'held', :holder, 1, 5)"
        session.execute(text(row), values)
    try:
        assert set(rows_named(town)) == {f"voucher_states {lively.batch_id.hex()}/{index}"}
    finally:
        with town.database.write() as session:
            session.execute(text('DELETE FROM voucher_states WHERE batch_id = :id AND "index" = :at'), values)


BATCH_STATES = {
    "brand": flipped(7),
    "supplier": flipped(7),
    "root": flipped(7),
    "count": lambda value: value + 1,
    "expires_at": lambda value: value + 1,
    "terms_hash": flipped(7),
    "mint_transaction": flipped(7),
    "mint_block": lambda value: value + 1,
    "minted_at": lambda value: value + 1,
    "suspended": lambda value: not value,
    "suspensions": lambda value: value + 1,
    "held": lambda value: value + 1,
    "redeemed": lambda value: 0,
    "revoked": lambda value: 5,
}


@pytest.mark.parametrize("column", BATCH_STATES)
def test_a_changed_batch_state_is_named(town, lively, tampering, column):
    tampering.change("batch_states", column, f"batch_id = x'{lively.batch_id.hex()}'", BATCH_STATES[column])
    assert f"batch_states {lively.batch_id.hex()}" in rows_named(town)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("brand_states", "admitted", lambda value: not value),
        ("brand_states", "name", flipped(1)),
        ("brand_states", "url", flipped(1)),
        ("brand_states", "licence_hash", flipped(1)),
        ("supplier_states", "quota", lambda value: value + 1),
        ("supplier_states", "until", lambda value: value + 1),
        ("redeemer_states", "until", lambda value: value - 1),
    ],
)
def test_a_changed_party_is_named(town, lively, tampering, table, column, value):
    brand = town.address("brand")
    extra = {"supplier_states": "supplier", "redeemer_states": "redeemer"}.get(table)
    where = f"brand = '{brand}'" + (f" AND {extra} = '{town.address(extra)}'" if extra else "")
    tampering.change(table, column, where, value)
    key = f"{brand}/{town.address(extra)}" if extra else brand
    assert rows_named(town) == [f"{table} {key}"]


def operation_of(town, kind):
    with town.database.read() as session:
        return session.execute(text("SELECT id FROM operations WHERE kind = :kind"), {"kind": kind}).first()[0]


@pytest.mark.parametrize("kind", ["mint", "transfer", "redeem", "revoke", "suspend"])
def test_a_changed_statement_is_named(town, lively, tampering, kind):
    identity = operation_of(town, kind)
    later = str(FAR - 1)
    tampering.change("operations", "statement", f"id = '{identity}'", lambda old: old.replace(str(FAR), later, 1))
    assert rows_named(town) == [f"operations {identity}"]


def test_a_statement_that_does_not_even_parse_is_named(town, lively, tampering):
    """Whatever byte is changed: also one that leaves no JSON behind."""
    identity = operation_of(town, "transfer")
    for value in ('{"type": "Nothing"}', "[]", "{", "\x00", "null"):
        tampering.change("operations", "statement", f"id = '{identity}'", lambda old, value=value: value)
        assert rows_named(town) == [f"operations {identity}"]


def test_a_changed_digest_is_named(town, lively, tampering):
    identity = operation_of(town, "redeem")
    tampering.change("operations", "digest", f"id = '{identity}'", flipped(1))
    assert rows_named(town) == [f"operations {identity}"]


def test_an_operation_whose_transaction_the_chain_does_not_know_is_named(town, lively, tampering):
    identity = operation_of(town, "redeem")
    tampering.change("operations", "transaction_hash", f"id = '{identity}'", flipped(1))
    assert rows_named(town) == [f"operations {identity}"]


def test_every_byte_of_a_statement_and_of_an_events_fields_counts(town, lively, tampering):
    """A flipped bit may leave JSON, broken JSON or no UTF-8 at all; each time the row is named, and nothing else fails."""
    identity, place = operation_of(town, "transfer"), event_place(town, lively, "minted")
    targets = (
        ("operations", "statement", f"id = '{identity}'", f"operations {identity}"),
        ("events", "fields", f"block_number = {place[0]} AND log_index = {place[1]}", f"events {place[0]}/{place[1]}"),
    )
    for table, column, where, name in targets:
        with town.database.read() as session:
            original = session.execute(text(f"SELECT {column} FROM {table} WHERE {where}")).scalar_one()
        for at in range(0, len(original), max(1, len(original) // 12)):
            raw = bytearray(original.encode())
            raw[at] ^= 0x80 if at % 2 else 0x01
            damaged = bytes(raw)
            with town.database.write() as session:
                session.execute(text(f"UPDATE {table} SET {column} = CAST(:v AS TEXT) WHERE {where}"), {"v": damaged})
            try:
                assert name in rows_named(town), (table, at, damaged)
            finally:
                with town.database.write() as session:
                    session.execute(text(f"UPDATE {table} SET {column} = :v WHERE {where}"), {"v": original})


# ---------------------------------------------------------------------------------------------- what is no finding


def test_a_chain_that_cannot_be_read_is_no_finding(town, lively):
    settings = replace(town.settings, rpc_urls=("http://127.0.0.1:9",), rpc_timeout=0.5)
    services = wiring.build_services(settings, town.database)
    with pytest.raises(Undetermined):
        services.audit.run()
    services.registry.rpc.close()


def test_a_database_that_has_indexed_nothing_is_no_finding(town):
    empty = Database("sqlite://")
    upgrade(empty)
    services = wiring.build_services(town.settings, empty)
    with pytest.raises(Halted, match="worker"):
        services.audit.run()
    services.registry.rpc.close()
    empty.close()


def test_other_code_at_the_registrys_address_is_a_finding(town, lively, monkeypatch):
    rpc, real = town.services.registry.rpc, town.services.registry.rpc.code
    monkeypatch.setattr(rpc, "code", lambda address, block: real(address, block)[:-1] + b"\0")
    assert rows_named(town) == [f"code at {town.domain.registry}"]


def test_an_event_that_the_chain_has_and_the_database_has_not_is_named(town, lively, tampering):
    place = event_place(town, lively, "redeemed")
    tampering.delete("events", f"block_number = {place[0]} AND log_index = {place[1]}")
    difference = next(d for d in town.services.audit.run().differences if d.row.startswith("events"))
    assert (difference.detail, difference.found) == ("the row is missing", "nothing")
    assert "redeemed" in difference.expected
