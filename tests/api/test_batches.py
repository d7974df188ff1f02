"""POST /v1/batches: what a supplier may upload, and everything that it may not."""

import json
import socket
import threading
from contextlib import contextmanager

import pytest
from sqlalchemy import delete, update

from provenance.core import fingerprint, merkle
from provenance.core.batch import hash_terms
from provenance.core.encoding import address_of, keccak, to_hex
from provenance.core.statements import CURVE_ORDER, Domain, Signature, SignedStatement
from provenance.httpd import HttpServer
from provenance.store import tables, tiles
from provenance.store.database import Database
from tests.api.refusals import check_problem, holds_no_secret, nothing_stored
from tests.town import FAR, encode_form

UPLOAD = "/v1/batches"


def upload(town, draft, as_="supplier", **changes):
    return town.call("POST", UPLOAD, as_=as_, data=draft.parts(**changes))


def refused(town, draft, status, code, pointer=None, as_="supplier", **changes):
    with nothing_stored(town):
        answer = upload(town, draft, as_, **changes)
        check_problem(answer, status, code, pointer)
    assert holds_no_secret(town, answer)


def test_an_upload_is_minted_and_public(town):
    draft = town.draft(3)
    answer = upload(town, draft)
    assert (answer.status_code, answer.get_json()["status"]) == (202, "accepted")
    assert answer.get_json()["batchId"] == to_hex(draft.batch_id)
    waiting = town.call("GET", f"{UPLOAD}/{draft.batch_id.hex()}").get_json()
    assert (waiting["tier"], waiting["mintBlock"]) == ("accepted", None)
    certificate = town.call("GET", f"/v1/vouchers/{draft.keys[0].voucher_id}/certificate")
    check_problem(certificate, 404, "not_minted_yet")
    town.settle()
    minted = town.call("GET", f"{UPLOAD}/{draft.batch_id.hex()}").get_json()
    assert minted["tier"] == "finalized"
    assert minted["terms"] == draft.terms
    assert minted["counts"] == {"sealed": 3, "held": 0, "redeemed": 0, "revoked": 0}
    assert minted["root"] == to_hex(draft.batch.root)


def test_the_same_upload_again_is_the_same_operation(town):
    draft = town.draft(2)
    first = upload(town, draft).get_json()["id"]
    with nothing_stored(town):
        assert upload(town, draft).get_json()["id"] == first
    town.settle()
    again = upload(town, draft).get_json()
    assert (again["id"], again["status"]) == (first, "finalized")


def test_another_mint_of_a_batch_that_waits_is_the_same_operation(town):
    """A second run of `provenance mint` signs with a later deadline."""
    draft = town.draft(2)
    first = upload(town, draft).get_json()["id"]
    with nothing_stored(town):
        assert upload(town, draft, statement=town.resigned(draft, deadline=FAR - 1)).get_json()["id"] == first
    town.settle()
    refused(town, draft, 409, "batch_taken", statement=town.resigned(draft, deadline=FAR - 1))


def test_sealed_contents_are_kept_and_served(town, settled):
    key = settled.keys[0]
    answer = town.call("GET", f"/v1/vouchers/{key.voucher_id}/content").get_json()
    sealed = bytes.fromhex(answer["sealedContent"][2:])
    salt = fingerprint.content_salt(key.secret)
    promised = fingerprint.content_hash(salt, settled.contents[0])
    assert fingerprint.open_sealed(key.secret, key.index, sealed, promised) == (salt, settled.contents[0])


def test_a_large_upload_is_kept_whole(town):
    """Beyond what werkzeug keeps in memory, over many tiles."""
    heads = [keccak(b"somebody's", i.to_bytes(4, "big"))[:20] for i in range(11_000)]
    draft, statement = remade(town, b"".join(head + bytes(32) for head in heads))
    answer = upload(town, draft, leaves=b"".join(head + bytes(32) for head in heads), statement=statement)
    assert answer.status_code == 202, answer.text
    town.settle()
    voucher = f"/v1/vouchers/{answer.get_json()['batchId'][2:]}-10999"
    found = town.call("GET", f"{voucher}/certificate").get_json()
    proof = [bytes.fromhex(node[2:]) for node in found["voucher"]["proof"]]
    node = fingerprint.leaf(10_999, address_of(heads[-1]), bytes(32))
    assert to_hex(merkle.root_from(node, proof)) == found["batch"]["root"] == json.loads(statement)["message"]["root"]


# ---------------------------------------------------------------------------------------------- who may


def test_no_key_an_unknown_key_and_a_revoked_key_are_401(town):
    draft = town.draft(1)
    with nothing_stored(town):
        check_problem(upload(town, draft, as_=None), 401, "unauthorized")
    spare = town._api_key("supplier", "supplier")
    key_id = town.services.access.authenticate(spare).key_id
    town.services.access.revoke_key(key_id)
    answers = []
    for key in (spare, "sk_test_" + "A" * 43, "x", "sk_live_é"):
        with nothing_stored(town):
            headers = {"Authorization": f"Bearer {key}"}
            answer = town.call("POST", UPLOAD, data=draft.parts(), headers=headers)
            answers.append(check_problem(answer, 401, "unauthorized")["detail"])
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert len(set(answers)) == 1  # unknown and revoked look the same


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic abc", "sk_test_x", "bearer\tx"])
def test_a_broken_authorization_header_is_401_even_where_no_key_is_needed(town, value):
    check_problem(town.call("GET", "/v1/batches", headers={"Authorization": value}), 401, "unauthorized")


@pytest.mark.parametrize("role", ["brand", "redeemer", "auditor", "rival"])
def test_another_role_is_403(town, role):
    refused(town, town.draft(1), 403, "forbidden", as_=role)


def test_another_suppliers_key_is_403(town):
    refused(town, town.draft(1), 403, "not_supplier", as_="rival_supplier")


def test_a_supplier_whom_the_brand_has_not_authorised_is_refused(town):
    refused(town, town.draft(1, brand="rival"), 409, "supplier_not_authorized")


def test_a_brand_that_is_not_admitted_is_refused(town):
    refused(town, town.draft(1, brand="redeemer"), 409, "brand_not_admitted")


def test_more_than_the_quota_is_refused(town):
    """Two leaves under a quota of one."""
    from provenance.services.authorisation import Authorisation

    rival = Authorisation(town.services.registry, town.signers["rival"])
    rival.authorize_supplier(town.address("supplier"), 1, FAR)
    town.settle()
    refused(town, town.draft(2, brand="rival"), 409, "quota_exceeded")
    rival.withdraw_supplier(town.address("supplier"))
    town.settle()
    refused(town, town.draft(1, brand="rival"), 409, "supplier_not_authorized")


@pytest.mark.parametrize("times", [{"deadline": 1_000_000_000}, {"expires_at": 1_000_000_000}])
def test_a_time_in_the_past_is_refused(town, times):
    refused(town, town.draft(1, **times), 409, "deadline_passed")


# ---------------------------------------------------------------------------------------------- what may not be uploaded


def test_count_zero_is_refused(town):
    draft = town.draft(1)
    refused(
        town,
        draft,
        422,
        "invalid_input",
        "/statement/message/count",
        leaves=b"",
        statement=town.resigned(draft, count=0),
    )


@pytest.mark.parametrize("count", [2, 4, 2**32 - 1])
def test_a_count_other_than_the_leaves_is_refused(town, count):
    draft = town.draft(3)
    refused(town, draft, 422, "leaves_mismatch", "/leaves", statement=town.resigned(draft, count=count))


@pytest.mark.parametrize("size", [33, 51, 53, 0, 3 * 33])
def test_leaves_that_are_not_52_bytes_each_are_refused(town, size):
    draft = town.draft(3)
    refused(town, draft, 422, "leaves_mismatch", "/leaves", leaves=(draft.leaves * 2)[: size if size < 99 else 99])


def test_one_changed_byte_anywhere_in_the_leaves_is_refused(town):
    draft = town.draft(3)
    for place in range(0, len(draft.leaves), 17):
        changed = bytearray(draft.leaves)
        changed[place] ^= 1
        refused(town, draft, 422, "root_mismatch", "/leaves", leaves=bytes(changed))


def test_leaves_in_another_order_are_refused(town):
    draft = town.draft(2)
    refused(town, draft, 422, "root_mismatch", "/leaves", leaves=draft.leaves[52:] + draft.leaves[:52])


def remade(town, leaves):
    """A dishonest supplier's batch: a right root and signature over leaves of any kind."""
    rows = [leaves[at : at + 52] for at in range(0, len(leaves), 52)]
    hashes = [fingerprint.leaf(i, address_of(row[:20]), row[20:]) for i, row in enumerate(rows)]
    draft = town.draft(1)
    return draft, town.resigned(draft, root=merkle.build(hashes)[0], count=len(rows))


@pytest.mark.parametrize(
    "heads",
    [
        [b"\1" * 20, b"\1" * 20],
        [b"\1" * 20, b"\2" * 20, b"\1" * 20],
        [
            b"\1" * 20,
            b"\1" * 19 + b"\2",
            b"\1" * 20,
        ],  # alike in the first bytes, so that a careless sort parts the twins
        [b"\1" * 20, *(b"\1" * 10 + bytes([i]) * 10 for i in range(2, 40)), b"\1" * 20],
    ],
    ids=["neighbours", "apart", "hidden", "well hidden"],
)
def test_duplicate_claim_addresses_are_refused(town, heads):
    leaves = b"".join(head + bytes(32) for head in heads)
    draft, statement = remade(town, leaves)
    refused(town, draft, 422, "duplicate_claim_address", "/leaves", leaves=leaves, statement=statement)


def test_a_zero_claim_address_is_refused(town):
    leaves = b"\1" * 20 + bytes(32) + bytes(52)
    draft, statement = remade(town, leaves)
    refused(town, draft, 422, "zero_claim_address", "/leaves", leaves=leaves, statement=statement)


def test_a_wrong_root_is_refused(town):
    draft = town.draft(2)
    refused(town, draft, 422, "root_mismatch", "/leaves", statement=town.resigned(draft, root=b"\1" * 32))


def test_terms_other_than_the_signed_ones_are_refused(town):
    draft = town.draft(1)
    refused(town, draft, 422, "terms_mismatch", "/terms", terms=json.dumps(draft.terms | {"product": "Water"}))


@pytest.mark.parametrize(
    "terms",
    [
        "",
        "[]",
        "null",
        "{",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": 9007199254740993}',
        '{"a": "\\ud800"}',
        '{"\\ud800": 1}',
        "[" * 200_000,
        '{"a":' * 90_000,
        '{"a": "' + "x" * 70_000 + '"}',
    ],
    ids=range(12),
)
def test_terms_that_have_no_canonical_form_are_refused(town, terms):
    refused(town, town.draft(1), 422, "invalid_input", "/terms", terms=terms)


def test_terms_that_are_nested_too_deep_to_be_shown_are_refused(town):
    """32 levels are kept and come back; 33, or 9000, would make every list of batches fail."""
    for depth, status in ((31, 202), (32, 422), (9000, 422)):
        value = 1
        for _ in range(depth):
            value = {"a": value}
        draft = town.draft(1, nested=value)
        if status == 202:
            minted = to_hex(town.mint(1, nested=value).batch_id)
            newest = town.call("GET", UPLOAD).get_json()["data"]  # of one second several, in no order
            assert [batch["terms"]["nested"] for batch in newest if batch["batchId"] == minted] == [value]
        else:
            refused(town, draft, status, "invalid_input", "/terms")


@pytest.mark.parametrize("part", ["statement", "terms", "leaves"])
def test_a_missing_part_is_named(town, part):
    with nothing_stored(town):
        draft = town.draft(1)
        parts = draft.parts()
        del parts[part]
        answer = town.call("POST", UPLOAD, as_="supplier", data=parts)
        check_problem(answer, 422, "invalid_input", f"/{part}")


@pytest.mark.parametrize("statement", ["", "x", "[]", "{}", "null", '{"type": "Transfer"}', "[" * 200_000])
def test_a_statement_that_is_none_is_refused(town, statement):
    with nothing_stored(town):
        answer = upload(town, town.draft(1), statement=statement)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"].startswith("/statement")


def test_a_mint_signed_by_another_or_for_another_registry_is_refused(town):
    draft = town.draft(1)
    by_rival = SignedStatement(draft.signed.statement, town.sign("rival_supplier", draft.signed.statement).signature)
    refused(town, draft, 403, "not_supplier", statement=json.dumps(by_rival.to_json()))
    for there in (Domain(1, town.domain.registry), Domain(town.domain.chain_id, town.address("brand"))):
        refused(town, town.draft(1, domain=there), 403, "not_supplier")


def test_a_malleated_mint_is_refused(town):
    draft = town.draft(1)
    r, vs = draft.signed.signature.r, int.from_bytes(draft.signed.signature.vs, "big")
    twin = CURVE_ORDER - (vs & 2**255 - 1)
    signed = SignedStatement(draft.signed.statement, Signature(r, (twin % 2**256).to_bytes(32, "big")))
    with nothing_stored(town):
        answer = upload(town, draft, statement=json.dumps(signed.to_json()))
    assert answer.status_code in (403, 422)


@pytest.mark.parametrize(
    "sealed",
    [
        b"\0",
        b"\0\0\0\x40",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff" + b"x" * 100,
        b"\0\0\0\1x",
        (5000).to_bytes(4, "big") + b"x" * 5000,
    ],
    ids=["half a length", "cut", "empty", "cut long", "short", "long"],
)
def test_sealed_contents_that_cannot_be_right_are_refused(town, sealed):
    draft = town.draft(2, contents=["1111-2222", "3333-4444"])
    refused(town, draft, 422, "invalid_input", sealed=sealed)
    assert upload(town, draft).status_code == 202  # and the supplier can try again at once
    town.settle()


def test_sealed_contents_without_a_promise_in_the_leaf_are_refused(town):
    bare = town.draft(2)
    body = bytes(60)
    refused(town, bare, 422, "sealed_mismatch", "/sealed", sealed=len(body).to_bytes(4, "big") + body)
    draft = town.draft(1, contents=["1111-2222"])
    refused(town, draft, 422, "sealed_mismatch", "/sealed", sealed=draft.sealed * 2)


def test_another_content_type_is_415(town):
    with nothing_stored(town):
        answer = town.call("POST", UPLOAD, as_="supplier", json={"statement": {}})
        check_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body", [b"", b"--x", b"--x\r\n", b"\xff" * 100, b"--x\r\nContent-Disposition: form-data\r\n\r\n"]
)
def test_a_broken_multipart_body_is_refused(town, body):
    with nothing_stored(town):
        answer = town.call("POST", UPLOAD, as_="supplier", data=body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code in (400, 413, 422)
    check_problem(answer, answer.status_code, answer.get_json()["code"])


def test_a_multipart_body_without_boundary_is_refused(town):
    with nothing_stored(town):
        answer = town.call("POST", UPLOAD, as_="supplier", data=b"abc", content_type="multipart/form-data")
    assert answer.status_code in (400, 422)


def test_a_text_part_of_a_megabyte_is_413(town):
    with nothing_stored(town):
        answer = upload(town, town.draft(1), terms=json.dumps({"a": "x" * 1_000_000}))
        check_problem(answer, 413, "too_large")


# ---------------------------------------------------------------------------------------------- a real socket


@pytest.fixture(scope="module")
def server(town):
    server = HttpServer(town.app).start()
    yield server
    server.close()


def raw_request(town, head, body):
    key = f"Authorization: Bearer {town.api_keys['supplier']}\r\n"
    return f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\n{key}{head}\r\n".encode() + body


@pytest.mark.filterwarnings(
    "ignore:Unclosed file:ResourceWarning"
)  # werkzeug leaves the part that was cut to the collector
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_an_upload_cut_in_the_middle_stores_nothing(town, server, share, chunked):
    draft = town.draft(200)
    content_type, body = encode_form(draft.parts())
    sent = body[: int(len(body) * share)]
    if chunked:
        head, sent = "Transfer-Encoding: chunked\r\n", f"{len(body):x}\r\n".encode() + sent
    else:
        head = f"Content-Length: {len(body)}\r\n"
    with nothing_stored(town):
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(raw_request(town, f"Content-Type: {content_type}\r\n{head}", sent))
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        assert b"Traceback" not in answer
        assert not answer or answer.split(b" ")[1] in (b"400", b"413", b"422"), answer[:200]
    assert upload(town, draft).status_code == 202
    town.settle()


def test_two_uploads_of_one_batch_at_once_are_one_batch(town):
    draft = town.draft(600)
    before = town.row_counts()
    gate, answers = threading.Barrier(4), []

    def run():
        gate.wait()
        answers.append(upload(town, draft))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accepted = [answer for answer in answers if answer.status_code == 202]
    for answer in answers:
        if answer.status_code != 202:
            check_problem(answer, 409, "in_flight")
    assert accepted
    assert len({answer.get_json()["id"] for answer in accepted}) == 1
    after = town.row_counts()
    assert after["batches"] - before["batches"] == after["operations"] - before["operations"] == 1
    assert after["tiles"] - before["tiles"] == len(list(tiles.sizes(600)))
    town.settle()
    assert town.services.audit.run().differences == ()


def stage_and_crash(town):
    """In the middle of staging: rows under an invisible batch, long ago."""
    orphan = town.draft(300)
    batch = orphan.batch
    with town.database.write() as session:
        session.add(
            tables.Batch(
                batch_id=batch.batch_id,
                brand=batch.brand,
                supplier=batch.supplier,
                root=batch.root,
                count=batch.count,
                expires_at=FAR,
                terms_hash=hash_terms(orphan.terms),
                terms="{}",
                visible=False,
                created_at=1,
            )
        )
        session.add(tables.Tile(batch_id=batch.batch_id, level=0, number=0, body=b"half"))
    return orphan


def test_what_an_abandoned_upload_left_is_removed_by_a_later_one(town):
    orphan = stage_and_crash(town)
    assert town.call("GET", f"{UPLOAD}/{orphan.batch_id.hex()}").status_code == 404
    town.mint(1)
    with town.database.read() as session:
        assert session.get(tables.Batch, orphan.batch_id) is None
        assert session.get(tables.Tile, (orphan.batch_id, 0, 0)) is None


@pytest.mark.parametrize("change", [{"visible": True}, {"created_at": 2}], ids=["published", "staged again"])
def test_what_somebody_else_has_taken_up_meanwhile_is_not_removed(town, monkeypatch, change):
    """Between the look for abandoned uploads and their removal."""
    orphan, database = stage_and_crash(town), town.database
    mine = tables.Batch.batch_id == orphan.batch_id

    @contextmanager
    def read():
        with Database.read(database) as session:
            yield session
        with Database.write(database) as session:
            session.execute(update(tables.Batch).where(mine).values(change))

    with monkeypatch.context() as patch:
        patch.setattr(database, "read", read)
        town.services.issuance._staging.discard_abandoned()
    with database.write() as session:
        assert session.get(tables.Tile, (orphan.batch_id, 0, 0)) is not None
        session.execute(delete(tables.Tile).where(tables.Tile.batch_id == orphan.batch_id))
        session.execute(delete(tables.Batch).where(mine))
