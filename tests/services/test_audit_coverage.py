"""Every table × {row deleted, row added, each column changed}: the audit notices it, or says that it does not cover it."""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import create_engine, delete, insert, make_url, select, text, update

from provenance.audit.report import NOT_COVERED
from provenance.chain import calldata
from provenance.chain.sending import send_and_wait
from provenance.core import merkle
from provenance.core.fingerprint import LEAF_BYTES, leaf_of_record
from provenance.errors import Halted
from provenance.store.tables import Base
from tests.town import Town

TABLES = {table.name: table for table in Base.metadata.sorted_tables}
COVERED = [name for name in TABLES if name not in NOT_COVERED]
COLUMNS = [
    (table, column.name)
    for table in COVERED
    for column in TABLES[table].columns
    if f"{table}.{column.name}" not in NOT_COVERED
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(request, tmp_path_factory, watch, pages):
    """Its own, in which everything has happened once; small, since it is audited some two hundred times."""
    url = database_of_its_own(request.getfixturevalue("postgres")) if request.param == "postgresql" else None
    town = Town(tmp_path_factory.mktemp("coverage"), url)
    town.live(4)
    yield town
    town.close()


def database_of_its_own(url):
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE audit"))
    engine.dispose()
    return make_url(url).set(database="audit").render_as_string(hide_password=False)


@pytest.fixture(autouse=True)
def as_before(town):
    """Every table's rows are put back."""
    with town.database.read() as session:
        before = {
            name: [dict(row) for row in session.execute(select(table)).mappings()] for name, table in TABLES.items()
        }
    yield
    with town.database.write() as session:
        for name, table in TABLES.items():
            session.execute(delete(table))
            if before[name]:
                session.execute(insert(table), before[name])


def noticed(town) -> bool:
    try:
        return town.services.audit.run().differences != ()
    except Halted:
        return True


def one_row(session, table):
    """The one in which most is filled in, and its key."""
    rows = [dict(row) for row in session.execute(select(table)).mappings()]
    row = max(rows, key=lambda row: sum(value is not None for value in row.values()))
    return row, [column == row[column.name] for column in table.primary_key]


def other(column, value):
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1000
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:] if value else b"\1"
    if isinstance(value, dict):
        return {**value, "added": 1}
    if value is None:
        return other(column, {"int": 0, "bytes": bytes(32), "str": ""}[column.type.python_type.__name__])
    special = {"status": "refused", "state": "revoked", "kind": "revoke"}
    return special.get(column.name) or ("x" + str(value)[1:] if value else "x")


def fresh(column, value):
    return secrets.token_hex(8) if column.name == "id" and isinstance(value, str) else other(column, value)


def test_the_untouched_database_is_clean(town):
    report = town.services.audit.run()
    assert report.differences == ()
    assert report.not_covered == tuple(NOT_COVERED)


def test_what_is_not_covered_exists():
    """A column that was renamed must not stay on the list."""
    names = set(TABLES) | {f"{name}.{column.name}" for name, table in TABLES.items() for column in table.columns}
    assert set(NOT_COVERED) <= names
    assert all(NOT_COVERED.values())


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_changed_column_is_noticed(town, table, column):
    table_, column_ = TABLES[table], TABLES[table].columns[column]
    with town.database.write() as session:
        row, key = one_row(session, table_)
        session.execute(update(table_).where(*key).values({column: other(column_, row[column])}))
    assert noticed(town)


@pytest.mark.parametrize("table", COVERED)
def test_a_deleted_row_is_noticed(town, table):
    with town.database.write() as session:
        _, key = one_row(session, TABLES[table])
        session.execute(delete(TABLES[table]).where(*key))
    assert noticed(town)


@pytest.mark.parametrize("table", COVERED)
def test_all_rows_deleted_are_noticed(town, table):
    with town.database.write() as session:
        session.execute(delete(TABLES[table]))
    assert noticed(town)


@pytest.mark.parametrize("table", COVERED)
def test_an_added_row_is_noticed(town, table):
    """A copy under another key, in whatever has to be unique."""
    table_ = TABLES[table]
    unique = {column.name for column in table_.primary_key} | {c.name for c in table_.columns if c.unique}
    unique |= {"nonce", "log_index"} & set(table_.columns.keys())
    with town.database.write() as session:
        row, _ = one_row(session, table_)
        changed = {name: fresh(table_.columns[name], row[name]) for name in unique}
        session.execute(insert(table_).values({**row, **changed}))
    assert noticed(town)


@pytest.mark.parametrize(
    "tables", [("batches",), ("batches", "tiles"), ("operations", "transactions", "attempts", "senders")]
)
def test_what_was_wiped_as_a_whole_is_noticed(town, tables):
    with town.database.write() as session:
        for name in tables:
            session.execute(delete(TABLES[name]))
    assert noticed(town)


def test_a_batch_that_is_hidden_is_named(town):
    with town.database.write() as session:
        row, key = one_row(session, TABLES["batches"])
        session.execute(update(TABLES["batches"]).where(*key).values(visible=False))
    rows = [difference.row for difference in town.services.audit.run().differences]
    assert f"batches {row['batch_id'].hex()}" in rows


def carry(town, party, draft, signed):
    """One Redeem of a sealed voucher, sent to the chain by an account that is not the relayer."""
    statement = signed.statement
    leaves = [draft.leaves[i : i + LEAF_BYTES] for i in range(0, len(draft.leaves), LEAF_BYTES)]
    nodes = merkle.build([leaf_of_record(i, record) for i, record in enumerate(leaves)])
    op = calldata.Op(
        kind=calldata.Kind.REDEEM,
        batch_id=statement.batch_id,
        index=statement.index,
        party=statement.redeemer,
        nonce=statement.nonce,
        deadline=statement.deadline,
        r=signed.signature.r,
        vs=signed.signature.vs,
        content_hash=leaves[statement.index][20:],
        proof=tuple(merkle.proof(len(leaves), statement.index, lambda node: nodes[node])),
        leaf=None,
    )
    registry = town.services.registry
    send_and_wait(registry.rpc, town.signers[party], registry.address, calldata.encode_execute_plain([op]))


def test_what_a_stranger_carried_to_the_chain_cannot_be_called_refused(town):
    """Anybody may carry a statement; the operation that asked for the same is then included, and must stay so."""
    draft = town.mint(1)
    signed = town.redeem(draft.keys[0])
    answer = town.submit("/v1/redemptions", signed, "redeemer")
    carry(town, "supplier", draft, signed)
    town.settle()
    operations = TABLES["operations"]
    mine = operations.c.id == answer.get_json()["id"]
    with town.database.write() as session:
        assert session.scalar(select(operations.c.status).where(mine)) == "included"
        assert town.services.audit.run().differences == ()
        session.execute(update(operations).where(mine).values(status="refused"))
    assert noticed(town)
