"""The store on SQLite and on PostgreSQL alike: schema, concurrency, outbox, API keys, idempotency."""

import secrets
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import bindparam, func, insert, inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from provenance.core.encoding import address_of
from provenance.core.statements import SignedStatement
from provenance.errors import Conflict, Halted, InvalidInput, NotFound, StorageUnavailable, Unauthorized
from provenance.services.access import Access, Role
from provenance.store import answers, deliveries, migrate, outbox, tables
from provenance.store.answers import KEEP_SECONDS, Answer, Claim, Overtaken
from provenance.store.compiled import Lookup
from provenance.store.database import Database
from provenance.store.migrate import upgrade
from tests.unit.test_statements import SIGNED

ADDRESS = address_of(b"\1" * 20)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    server = request.getfixturevalue("postgres")
    name = f"store_{secrets.token_hex(4)}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def database(url):
    database = Database(url)
    upgrade(database)
    yield database
    database.close()


# ---------------------------------------------------------------------------------------------- schema


def test_the_migrations_make_the_schema_of_the_models(database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.Base.metadata) == []


def test_upgrading_again_changes_nothing(database):
    with database.write() as session:
        session.add(tables.Block(number=1, hash=b"\1" * 32, timestamp=1))
    upgrade(database)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(tables.Block)) == 1


def test_the_schema_can_be_taken_back_and_made_again(database):
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with database.engine.execution_options(write=True).connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    upgrade(database)
    enqueue(database, request(1))


def test_a_database_of_a_newer_program_is_refused(database):
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    with pytest.raises(Halted, match="from_the_future"):
        upgrade(database)
    with database.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == "from_the_future"


def test_processes_that_start_together_upgrade_once(url):
    """`provenance serve` and `provenance worker` on a fresh database."""
    program = "import sys; from provenance.store.migrate import *; input(); upgrade(Database(sys.argv[1]))"
    command = [sys.executable, "-c", program, url]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    database = Database(url)
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    database.close()


def run(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ---------------------------------------------------------------------------------------------- concurrency


def test_many_writers_lose_nothing_and_none_is_locked_out(database):
    """Read, think, write: with a deferred BEGIN most of these fail with "database is locked"."""
    with database.write() as session:
        session.add(tables.Block(number=0, hash=b"", timestamp=0))
    faults = []

    def work():
        for _ in range(20):
            try:
                with database.write() as session:
                    query = select(tables.Block).where(tables.Block.number == 0).with_for_update()
                    session.scalars(query).one().timestamp += 1
            except Exception as error:
                faults.append(error)

    run([threading.Thread(target=work) for _ in range(8)])
    assert faults == []
    with database.read() as session:
        assert session.get(tables.Block, 0).timestamp == 160


def test_an_error_in_a_write_leaves_nothing(database):
    with suppress(RuntimeError), database.write() as session:
        session.add(tables.Block(number=5, hash=b"", timestamp=0))
        session.flush()
        raise RuntimeError
    with database.read() as session:
        assert session.get(tables.Block, 5) is None


def test_what_a_read_changes_is_thrown_away(database):
    with database.read() as session:
        session.add(tables.Block(number=5, hash=b"", timestamp=0))
        session.flush()
    with database.read() as session:
        assert session.get(tables.Block, 5) is None


def test_a_read_sees_one_moment(database):
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(tables.Block)) == 0
        with database.write() as other:
            other.add(tables.Block(number=1, hash=b"", timestamp=0))
        assert session.scalar(select(func.count()).select_from(tables.Block)) == 0


def test_damaged_text_can_be_inspected(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/damaged.db")
    upgrade(database)
    with database.write() as session:
        session.execute(text("INSERT INTO leases VALUES ('a', CAST(x'ff41' AS TEXT), 1, 1)"))
    with pytest.raises(StorageUnavailable), database.read() as session:
        session.get(tables.Lease, "a")
    with database.inspect() as session:
        assert session.get(tables.Lease, "a").owner == "\ufffdA"
    with pytest.raises(StorageUnavailable), database.read() as session:
        session.get(tables.Lease, "a")
    database.close()


def test_a_database_that_is_gone_is_unavailable(tmp_path):
    (tmp_path / "file").touch()
    for url in (f"sqlite:///{tmp_path}", "postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=1"):
        database = Database(url)
        with pytest.raises(StorageUnavailable), database.read() as session:
            session.execute(text("SELECT 1"))
        database.close()


# ---------------------------------------------------------------------------------------------- outbox


def request(number, *, nonce=0, index=7):
    digest = number.to_bytes(32, "big")
    return outbox.Request(digest, SIGNED, b"\1" * 8, None, 1_700_000_000, index, nonce)


def enqueue(database, wanted):
    with database.write() as session:
        return outbox.enqueue(session, wanted).id


def test_one_digest_is_one_operation(database):
    first = enqueue(database, request(1))
    assert enqueue(database, request(1)) == first
    with database.read() as session:
        assert outbox.find(session, request(1).digest).id == first
        kept = session.get(tables.Operation, first)
        assert SignedStatement.parse(kept.statement) == SIGNED
        assert kept.kind == "transfer"


def test_a_voucher_is_reserved_at_one_nonce_until_the_operation_is_refused(database):
    first = enqueue(database, request(1))
    with pytest.raises(Conflict) as refusal:
        enqueue(database, request(2))
    assert refusal.value.code == "voucher_reserved"
    enqueue(database, request(3, nonce=1))
    enqueue(database, request(4, index=8))
    with database.write() as session:
        assert outbox.refuse(session, first, tables.OperationStatus.ACCEPTED, "batch_expired", "too late")
        assert not outbox.refuse(session, first, tables.OperationStatus.ACCEPTED, "other", "again")
    with database.read() as session:
        kept = session.get(tables.Operation, first)
        assert (kept.status, kept.reason) == ("refused", "batch_expired")
    enqueue(database, request(2))


def test_operations_on_whole_batches_reserve_no_voucher(database):
    enqueue(database, request(1, index=None, nonce=None))
    enqueue(database, request(2, index=None, nonce=None))


def test_of_many_rivals_one_wins(database):
    outcomes = []

    def race(number):
        try:
            outcomes.append(enqueue(database, request(number)))
        except Conflict as refusal:
            outcomes.append(refusal.code)

    run([threading.Thread(target=race, args=(n,)) for n in range(1, 17)])
    assert outcomes.count("voucher_reserved") == 15


def test_the_reservation_is_the_databases_own(database):
    """Were the code above to forget it, the index would still hold."""
    enqueue(database, request(1))
    row = {"id": "x", "kind": "redeem", "digest": b"\2", "statement": {}, "batch_id": b"\1" * 8}
    row |= {"index": 7, "nonce": 0, "status": "sent", "created_at": 1}
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(insert(tables.Operation), [row])


# ---------------------------------------------------------------------------------------------- API keys


class Clock:
    def __init__(self):
        self.now = 1_700_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def access(database, clock):
    return Access(database, clock)


def test_a_key_is_kept_as_a_hash_and_speaks_for_its_account(database, access):
    key = access.create_key(Role.SUPPLIER, ADDRESS, "shop 示例")
    caller = access.authenticate(key)
    assert (caller.role, caller.address, caller.label) == (Role.SUPPLIER, ADDRESS, "shop 示例")
    (row,) = access.list_keys()
    assert key.startswith("sk_live_")
    assert key[8:-4] not in str(vars(row))
    assert row.hint == f"sk_live_…{key[-4:]}"
    with database.read() as session:
        kept = b"".join(
            bytes(value) if isinstance(value, bytes) else str(value).encode() for value in vars(row).values()
        )
        assert key[8:].encode() not in kept
        assert session.get(tables.ApiKey, caller.key_id) is not None


def test_a_revoked_key_is_as_good_as_none(access):
    key = access.create_key(Role.AUDITOR, None, "", live=False)
    assert key.startswith("sk_test_")
    key_id = access.authenticate(key).key_id
    access.revoke_key(key_id)
    for bad in (key, "sk_live_" + "x" * 43, "", "\x00", "é"):
        with pytest.raises(Unauthorized) as refusal:
            access.authenticate(bad)
        assert refusal.value.detail.startswith("the API key is not valid")
    for unknown in (key_id, "nobody", ""):
        with pytest.raises(NotFound):
            access.revoke_key(unknown)


@pytest.mark.parametrize(("role", "address"), [(Role.AUDITOR, ADDRESS), (Role.SUPPLIER, None), (Role.BRAND, None)])
def test_only_auditors_have_no_account(access, role, address):
    with pytest.raises(InvalidInput) as refusal:
        access.create_key(role, address, "")
    assert refusal.value.field == "address"
    assert access.list_keys() == []


# ---------------------------------------------------------------------------------------------- idempotency


def claim(payload, key="key", scope="scope"):
    return Claim(scope, key, payload, lambda view: Answer(202, f"{view.status} {view.id}".encode()))


def accept(database, clock, wanted, claimed):
    """As a service does it. The id."""
    with database.write() as session:
        operation = outbox.find(session, wanted.digest) or outbox.enqueue(session, wanted)
        return answers.keep(session, claimed, operation, int(clock())).id


def test_the_first_answer_is_kept_for_two_days(database, access, clock):
    assert access.first_answer(claim(b"a")) is None
    first = Answer(202, b"accepted " + accept(database, clock, request(1), claim(b"a")).encode())
    assert access.first_answer(claim(b"a")) == first
    assert access.first_answer(claim(b"a", scope="other")) is None
    clock.now += KEEP_SECONDS - 1
    assert access.first_answer(claim(b"a")) == first
    clock.now += 2
    assert access.first_answer(claim(b"b")) is None
    accept(database, clock, request(1), claim(b"b"))
    assert access.first_answer(claim(b"b")) == first


def test_a_key_with_another_payload_is_refused(database, access, clock):
    accept(database, clock, request(1), claim(b"a"))
    with pytest.raises(InvalidInput) as refusal:
        access.first_answer(claim(b"b"))
    assert refusal.value.code == "idempotency_key_reused"


def test_who_is_overtaken_stores_nothing(database, clock):
    """The key was free when it was asked for, and is taken at the commit."""
    accept(database, clock, request(1), claim(b"a"))
    with pytest.raises(Overtaken):
        accept(database, clock, request(2, index=9), claim(b"b"))
    with database.read() as session:
        assert outbox.find(session, request(2).digest) is None


def test_of_many_first_requests_one_is_carried_out_and_all_have_its_answer(database, access, clock):
    gate, outcomes = threading.Barrier(12), []

    def start(number):
        gate.wait()
        try:
            accept(database, clock, request(1), claim(b"a"))
            outcomes.append("first")
        except Overtaken:
            outcomes.append(access.first_answer(claim(b"a")).status)

    run([threading.Thread(target=start, args=(n,)) for n in range(12)])
    assert sorted(map(str, outcomes)) == ["202"] * 11 + ["first"]


# ---------------------------------------------------------------------------------------------- webhooks


def test_a_deeper_second_reorg_is_no_news_about_news(database):
    """The receiver was told of the first one: that its message is void stays true."""
    told = {"endpoint_id": "e" * 32, "message_id": "msg_" + "f" * 32, "block_number": 19_000_105, "body": "{}"}
    done = {"status": "delivered", "attempts": 1, "next_at": 0, "created_at": 0, "delivered_at": 1}
    with database.write() as session:
        session.add(tables.WebhookDelivery(**told, **done))
    for fork in (19_000_100, 19_000_098):
        with database.write() as session:
            deliveries.take_back(session, fork, 7)
        with database.write() as session:
            pending = tables.WebhookDelivery.status == "pending"
            session.execute(update(tables.WebhookDelivery).where(pending).values(status="delivered"))
    with database.read() as session:
        ids = set(session.scalars(select(tables.WebhookDelivery.message_id)))
    assert ids == {told["message_id"], told["message_id"] + "_19000100_orphaned"}
    assert max(map(len, ids)) <= 64


# ---------------------------------------------------------------------------------------------- lookups


def test_threads_that_come_and_go_leave_no_connection_behind(tmp_path):
    """A server may give every request a thread of its own."""
    database = Database(f"sqlite:///{tmp_path}/lookups.db")
    upgrade(database)
    lookup = Lookup(select(tables.Batch.count.label("size")).where(tables.Batch.batch_id == bindparam("batch_id")))
    files = Path("/proc/self/fd")
    database.fetch(lookup, {"batch_id": b"x"})
    before = len(list(files.iterdir()))
    for _ in range(20):
        run([threading.Thread(target=database.fetch, args=(lookup, {"batch_id": b"x"}))])
    assert len(list(files.iterdir())) <= before + 2
    database.close()
