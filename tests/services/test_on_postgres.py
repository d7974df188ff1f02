"""The whole road on PostgreSQL, and what that database takes differently."""

import threading

import pytest
from sqlalchemy import text, update

from provenance.core.fingerprint import claim_address
from provenance.store import outbox
from provenance.store.tables import Cursor
from tests.api.refusals import check_problem, nothing_stored


def test_a_vouchers_life_and_a_clean_audit(postgres_town):
    town = postgres_town
    draft = town.mint(300, contents=[f"{i:016}" for i in range(300)])
    new = town.draw(draft.keys[0])
    assert town.do("/v1/transfers", town.transfer(draft.keys[0], claim_address(new.secret)))["status"] == "finalized"
    assert town.do("/v1/redemptions", town.redeem(new, 1), "redeemer")["status"] == "finalized"
    assert town.do("/v1/revocations", town.revoke(draft.batch_id, 5, 6), "supplier")["status"] == "finalized"
    assert town.do("/v1/suspensions", town.suspend(draft.batch_id), "brand")["status"] == "finalized"
    with nothing_stored(town):
        again = town.submit("/v1/redemptions", town.redeem(new, 1, 4_000_000_000), "redeemer")
        check_problem(again, 409, "already_redeemed")
    report = town.services.audit.run()
    assert report.differences == ()
    assert (report.leaves, report.operations) == (300, 5)


def test_a_voucher_can_be_read_again_after_its_connection_was_cut(postgres_town):
    town = postgres_town
    key = town.mint(1).keys[0]
    path = f"/v1/vouchers/{key.voucher_id}"
    first = town.call("GET", path).get_json()
    assert first["state"] == "sealed"
    mine = "datname = current_database() AND pid <> pg_backend_pid()"
    with town.database.read() as session:
        cut = session.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")).all()
    assert cut
    assert town.call("GET", path).get_json() == first
    town.settle()


def test_a_reorg_waits_for_a_batch_that_is_being_published(postgres_town, monkeypatch):
    """Or it would not see the operation that has just been told by a block which it takes away."""
    town, turns = postgres_town, []
    draft = town.draft(1)

    def index():
        with town.database.write() as session:
            session.execute(update(Cursor).values(reorgs=Cursor.reorgs))
        turns.append("indexed")

    indexing = threading.Thread(target=index)

    def enqueue(*arguments):
        indexing.start()
        indexing.join(0.5)
        turns.append("published")
        return enqueue_really(*arguments)

    enqueue_really = outbox.enqueue
    monkeypatch.setattr(outbox, "enqueue", enqueue)
    assert town.call("POST", "/v1/batches", as_="supplier", data=draft.parts()).status_code == 202
    indexing.join()
    assert turns == ["published", "indexed"]
    town.settle()


def test_one_changed_byte_is_named(postgres_town):
    town = postgres_town
    draft = town.mint(3)
    from provenance.store.tables import Tile

    with town.database.write() as session:
        tile = session.get(Tile, (draft.batch_id, 0, 0))
        whole, tile.body = tile.body, bytes([tile.body[0] ^ 1]) + tile.body[1:]
    try:
        assert [d.row for d in town.services.audit.run().differences] == [f"tiles {draft.batch_id.hex()}/0/0"]
    finally:
        with town.database.write() as session:
            session.get(Tile, (draft.batch_id, 0, 0)).body = whole


@pytest.mark.parametrize("query", [{"kind": "a\x00b"}, {"voucher": "\x00"}, {"supplier": "\x00"}, {"batch": "\x00"}])
def test_a_nul_which_postgresql_takes_in_no_text_is_refused(postgres_town, query):
    path = "/v1/batches" if "supplier" in query else "/v1/events"
    answer = postgres_town.call("GET", path, as_="auditor", query_string=query)
    check_problem(answer, 422, "invalid_input")


@pytest.mark.parametrize("terms", ["a\x00b", "\u2028", "💥", "\\u0000"])
def test_odd_characters_in_terms_are_kept(postgres_town, terms):
    draft = postgres_town.mint(1, odd=terms)
    found = postgres_town.call("GET", f"/v1/batches/{draft.batch_id.hex()}").get_json()
    assert found["terms"]["odd"] == terms


def test_rivals_for_one_voucher_have_one_winner(postgres_town):
    town = postgres_town
    key = town.mint(1).keys[0]
    rivals = [town.transfer(key, claim_address(town.draw().secret)) for _ in range(16)]
    answers, gate = [], threading.Barrier(8)

    def race(mine):
        gate.wait()
        answers.extend(town.submit("/v1/transfers", signed) for signed in mine)

    threads = [threading.Thread(target=race, args=(rivals[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 15
    town.settle()
    assert town.services.audit.run().differences == ()


def test_uploads_of_one_batch_at_once_are_one_batch(postgres_town):
    town = postgres_town
    draft = town.draft(300)
    before, answers = town.row_counts(), []

    def upload():
        answers.append(town.call("POST", "/v1/batches", as_="supplier", data=draft.parts()))

    threads = [threading.Thread(target=upload) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert 202 in {answer.status_code for answer in answers}
    assert town.row_counts()["operations"] == before["operations"] + 1
    town.settle()
    assert town.services.audit.run().differences == ()
