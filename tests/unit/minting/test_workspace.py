"""A batch's directory: what is in it, and that crashes, Ctrl-C, full disks and other plans do not spoil it."""

import errno
import json
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pyrage
import pytest

from provenance.core import statements
from provenance.core.statements import Signature
from provenance.errors import Conflict, Halted, InvalidInput, InvalidSignature, NotFound, StorageUnavailable
from provenance.minting import FEW, cores, durable
from provenance.minting.contents import Contents
from provenance.minting.prepared import read_batch
from provenance.minting.workspace import prepare
from tests.unit.minting.batches import BRAND, TERMS, check, plan, sign, snapshot

IDENTITY = str(pyrage.x25519.Identity.generate())
RECIPIENT = str(pyrage.x25519.Identity.from_str(IDENTITY).to_public())
MODES = pytest.mark.parametrize("options", [{}, {"recipients": (RECIPIENT,)}], ids=["in the clear", "encrypted"])


def identity_of(options):
    return IDENTITY if options else None


@pytest.mark.parametrize("count", [1, 2, 3, FEW + 1])
@MODES
def test_everything_follows_from_the_secrets_in_the_key_file(tmp_path, count, options):
    wanted = plan(count, **options)
    done = prepare(wanted, tmp_path / "batch", sign)
    check(tmp_path / "batch", wanted, identity_of(options))
    assert read_batch(tmp_path / "batch") == done


@pytest.mark.parametrize("count", [1, FEW + 1])
def test_contents_are_sealed_one_to_a_voucher(tmp_path, count):
    wanted = plan(count, contents=Contents(f"卡号 {i}\n密码 {i * i}" for i in range(count)))
    prepare(wanted, tmp_path, sign)
    check(tmp_path, wanted)


def test_pieces_of_work_leave_no_seam(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "ROWS_AT_ONCE", 64)
    wanted = plan(1000, contents=Contents(str(i) for i in range(1000)))
    prepare(wanted, tmp_path, sign)
    check(tmp_path, wanted)


@MODES
def test_a_kill_at_any_point_and_a_second_run_finish_the_batch(tmp_path, options):
    arguments = [str(tmp_path), *([IDENTITY] if options else [])]
    command = [sys.executable, "-m", "tests.unit.minting.crashes", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40


@MODES
@pytest.mark.parametrize("step", ["draw secrets", "claim keys", "write keys"])
@pytest.mark.parametrize("at", [0, 60])
def test_control_c_stops_at_once_and_leaves_a_batch_to_go_on_with(tmp_path, options, step, at):
    def interrupt(name, done, total):
        if (name, done) == (step, at):
            raise KeyboardInterrupt

    wanted = plan(**options)
    with pytest.raises(KeyboardInterrupt):
        prepare(wanted, tmp_path, sign, interrupt)
    left = snapshot(tmp_path)
    assert not [name for name in left if name.endswith(".part")]
    prepare(wanted, tmp_path, sign)
    secrets = check(tmp_path, wanted, identity_of(options))
    if "secrets.bin" in left:
        assert b"".join(secrets) == left["secrets.bin"]


def test_a_second_run_changes_nothing(tmp_path):
    prepare(plan(), tmp_path, sign)
    before = snapshot(tmp_path)
    prepare(plan(), tmp_path, sign)
    assert snapshot(tmp_path) == before


def test_a_later_deadline_is_the_same_batch_signed_again(tmp_path):
    first = prepare(plan(), tmp_path, sign)
    keys = first.key_file.read_bytes()
    second = prepare(plan(deadline=1_850_000_000), tmp_path, sign)
    assert second.batch == first.batch
    assert second.mint.statement.deadline == 1_850_000_000
    assert second.key_file.read_bytes() == keys
    check(tmp_path, plan(deadline=1_850_000_000))


OTHER_PLANS = [
    ("chainId", {"chain_id": 1}),
    ("registry", {"registry": BRAND}),
    ("brand", {"brand": plan().supplier}),
    ("supplier", {"supplier": BRAND}),
    ("termsHash", {"terms": TERMS | {"product": "other"}}),
    ("count", {"count": 61}),
    ("expiresAt", {"expires_at": 1_893_456_001}),
    ("baseUrl", {"base_url": "https://other.example"}),
    ("recipients", {"recipients": (RECIPIENT,)}),
    ("contents", {"contents": Contents(["x"] * 60)}),
]


@pytest.mark.parametrize(("field", "changes"), OTHER_PLANS, ids=[name for name, _ in OTHER_PLANS])
def test_cannot_go_on_with_another_plan(tmp_path, field, changes):
    prepare(plan(), tmp_path, sign)
    before = snapshot(tmp_path)
    with pytest.raises(Conflict, match=field) as caught:
        prepare(plan(**changes), tmp_path, sign)
    assert caught.value.field == field
    assert snapshot(tmp_path) == before


def test_cannot_go_on_with_other_contents(tmp_path):
    prepare(plan(2, contents=Contents(["ab", "c"])), tmp_path, sign)
    with pytest.raises(Conflict, match="contents"):
        prepare(plan(2, contents=Contents(["a", "bc"])), tmp_path, sign)


def test_the_plan_does_not_give_contents_away(tmp_path):
    prepare(plan(1, contents=Contents(["CARD-0001"])), tmp_path, sign)
    assert b"CARD-0001" not in b"".join(body for name, body in snapshot(tmp_path).items())


@pytest.mark.parametrize("name", ["keys.csv", "keys.csv.age", "leaves.bin", "mint.json", "secrets.bin"])
def test_cannot_take_over_files_of_unknown_origin(tmp_path, name):
    (tmp_path / name).write_text("somebody's")
    with pytest.raises(Conflict, match=name):
        prepare(plan(), tmp_path, sign)
    assert snapshot(tmp_path) == {name: b"somebody's"}


@pytest.mark.parametrize("text", ["{", "[]", '{"type": "other"}'])
def test_cannot_go_on_with_a_damaged_plan(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(Conflict, match=r"plan\.json"):
        prepare(plan(), tmp_path, sign)


@pytest.mark.parametrize("name", ["leaves.bin", "secrets.bin"])
def test_an_altered_file_halts(tmp_path, name):
    def stop(step, done, total):
        if step == "claim keys":
            raise KeyboardInterrupt

    if name == "secrets.bin":
        with pytest.raises(KeyboardInterrupt):
            prepare(plan(), tmp_path, sign, stop)
    else:
        prepare(plan(), tmp_path, sign)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Halted, match=name):
        prepare(plan(), tmp_path, sign)


def test_leaves_that_are_not_the_mint_s_halt(tmp_path):
    prepare(plan(), tmp_path, sign)
    leaves = tmp_path / "leaves.bin"
    leaves.write_bytes(bytes([leaves.read_bytes()[0] ^ 1]) + leaves.read_bytes()[1:])
    with pytest.raises(Halted, match="not of the leaves"):
        prepare(plan(), tmp_path, sign)


def test_a_damaged_mint_halts(tmp_path):
    prepare(plan(), tmp_path, sign)
    mint = json.loads((tmp_path / "mint.json").read_text())
    (tmp_path / "mint.json").write_text(json.dumps(mint | {"batchId": "0x" + "00" * 8}))
    with pytest.raises(Halted, match="damaged"):
        read_batch(tmp_path)
    (tmp_path / "mint.json").write_text("{")
    with pytest.raises(Halted, match="damaged"):
        read_batch(tmp_path)


def test_an_unfinished_directory_is_no_batch(tmp_path):
    with pytest.raises(NotFound, match="no finished batch"):
        read_batch(tmp_path)


def test_a_foreign_signature_is_refused_and_the_batch_kept(tmp_path):
    with pytest.raises(InvalidSignature):
        prepare(plan(), tmp_path, lambda digest: Signature(bytes(32), bytes(32)))
    with pytest.raises(InvalidSignature, match="the supplier is"):
        prepare(plan(), tmp_path, lambda digest: statements.sign(b"\x12" * 32, digest))
    keys = (tmp_path / "keys.csv").read_bytes()
    prepare(plan(), tmp_path, sign)
    assert (tmp_path / "keys.csv").read_bytes() == keys
    check(tmp_path, plan())


def test_two_processes_cannot_work_in_one_directory(tmp_path):
    with durable.exclusively(tmp_path), pytest.raises(Conflict, match="another process"):
        prepare(plan(), tmp_path, sign)
    prepare(plan(), tmp_path, sign)


@MODES
def test_a_full_disk_is_said_wherever_it_happens_and_the_batch_goes_on_afterwards(tmp_path, options):
    """The leaves of 30 vouchers are 1.5 KB, their keys 6 KB; pyrage by itself loses an error in a file's last part."""
    wanted, said = plan(30, **options), 0
    for limit in range(100, 8000, 790):
        directory = tmp_path / str(limit)
        with files_of_at_most(limit):
            try:
                prepare(wanted, directory, sign)
            except StorageUnavailable as error:
                said += "run it again" in str(error)
        prepare(wanted, directory, sign)
        check(directory, wanted, identity_of(options))
    assert 7 <= said <= 9


@contextmanager
def files_of_at_most(size):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_broken_pipe_under_progress_is_not_blamed_on_the_disk(tmp_path):
    def gone(step, done, total):
        raise BrokenPipeError(errno.EPIPE, "gone")

    with pytest.raises(BrokenPipeError):
        prepare(plan(), tmp_path, sign, gone)


def test_the_key_file_opens_to_its_recipient_only(tmp_path):
    prepare(plan(recipients=(RECIPIENT,)), tmp_path, sign)
    with pytest.raises(InvalidInput, match="identity"):
        check(tmp_path, plan(recipients=(RECIPIENT,)), str(pyrage.x25519.Identity.generate()))
    with pytest.raises(InvalidInput, match="identity"):
        check(tmp_path, plan(recipients=(RECIPIENT,)), "AGE-SECRET-KEY-1NOT")


def test_every_file_is_synced_before_it_has_its_name_and_its_name_after(tmp_path, monkeypatch):
    """Otherwise a power failure could leave a key file of zeros under its final name."""
    log = []
    fsync, rename = os.fsync, os.rename

    def note_fsync(descriptor):
        log.append(("fsync", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))
        fsync(descriptor)

    def note_rename(source, target, **options):
        log.append(("rename", Path(target).name))
        rename(source, target, **options)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "rename", note_rename)
    directory = tmp_path / "batch"
    prepare(plan(contents=Contents(["x"] * 60)), directory, sign)
    order = [name for what, name in log if what == "rename"]
    assert order == ["terms.json", "plan.json", "secrets.bin", "sealed.bin", "leaves.bin", "keys.csv", "mint.json"]
    for name in order:
        place = log.index(("rename", name))
        assert log[place - 1] == ("fsync", f"{name}.part")
        assert log[place + 1] == ("fsync", "batch")


BAD_PLANS = [
    ("count", {"count": 0}),
    ("count", {"count": 2**32}),
    ("expires_at", {"expires_at": 2**40}),
    ("deadline", {"deadline": -1}),
    ("chain_id", {"chain_id": 0}),
    ("terms", {"terms": {"x": float("nan")}}),
    ("base_url", {"base_url": "https://h.example/"}),
    ("base_url", {"base_url": "https://h.example/a,b"}),
    ("base_url", {"base_url": "ftp://h.example"}),
    ("base_url", {"base_url": "https://h.example#x"}),
    ("recipients", {"recipients": ("age1nobody",)}),
    ("contents", {"contents": Contents(["only one"])}),
]


@pytest.mark.parametrize(("field", "changes"), BAD_PLANS, ids=lambda value: str(value)[:40])
def test_cannot_plan_what_could_never_be_minted(field, changes):
    with pytest.raises(InvalidInput) as caught:
        plan(**({"count": 60} | changes))
    assert caught.value.field == field


def test_progress_counts_every_step_from_nothing_to_all(tmp_path):
    seen = {}
    prepare(plan(), tmp_path, sign, lambda step, done, total: seen.setdefault(step, []).append((done, total)))
    assert list(seen) == ["draw secrets", "claim keys", "write keys"]
    assert all(calls[0] == (0, 60) and calls[-1] == (60, 60) for calls in seen.values())


@pytest.mark.parametrize("count", [0, 1, cores.ROWS_AT_ONCE, cores.ROWS_AT_ONCE + 1, 10 * cores.ROWS_AT_ONCE + 1])
def test_pieces_cover_all_rows_once_and_none_is_tiny(count):
    pieces = cores.pieces(count)
    assert [row for piece in pieces for row in range(piece.start, piece.stop)] == list(range(count))
    sizes = [piece.stop - piece.start for piece in pieces]
    assert max(sizes, default=0) <= cores.ROWS_AT_ONCE
    assert max(sizes, default=0) - min(sizes, default=0) <= 1


def test_a_failing_piece_of_work_stops_the_others():
    started = []

    def work(rows):
        started.append(rows)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(cores.in_order(work, 1000 * cores.ROWS_AT_ONCE, "step"))
    assert len(started) < 20
