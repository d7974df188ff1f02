"""kill -9 of `make run` at any moment: what was acknowledged is carried out, once, after a restart."""

from __future__ import annotations

import contextlib
import csv
import random
import threading
import time

from provenance.client import holder
from provenance.core.voucher import VoucherKey
from provenance.errors import ProvenanceError
from tests.story.demo_process import DemoProcess

KILLS = 4
DEADLINE = 4_000_000_000


def test_kill_nine_loses_nothing_that_was_acknowledged(tmp_path):
    demo = DemoProcess(tmp_path).start()
    keys = mint(demo, 400)
    acknowledged: dict[int, str] = {}
    left = list(keys)
    try:
        for _ in range(KILLS):
            customers = threading.Thread(target=redeem_until_it_dies, args=(demo, left, acknowledged))
            customers.start()
            time.sleep(random.uniform(0.2, 1.5))
            demo.kill()
            customers.join()
            demo.start()
        assert acknowledged
        with demo.client("redeemer") as till:
            for operation_id in acknowledged.values():
                assert till.wait(till.operation(operation_id), "finalized").status == "finalized"
        audit = demo.cli("audit")
        assert audit.returncode == 0, audit.stdout
    finally:
        demo.kill()


def mint(demo, count):
    (demo.folder / "terms.json").write_text('{"product": "Kill"}')
    options = ["--terms", "terms.json", "--brand", demo.address("brand"), "--expires", "2090-01-01"]
    done = demo.cli("mint", "batch", "--count", str(count), *options)
    assert done.returncode == 0, done.stderr
    with (demo.folder / "batch" / "keys.csv").open(newline="") as file:
        return [VoucherKey.parse(row["key"]) for row in csv.DictReader(file)]


def redeem_until_it_dies(demo, left, acknowledged):
    """Notes an operation only when its 202 has arrived whole."""
    redeemer, domain = demo.address("redeemer"), demo.domain
    with demo.client("redeemer") as till, contextlib.suppress(ProvenanceError):
        while left:
            key = left[-1]
            operation = till.redeem(holder.redeem(till, domain, key, redeemer, DEADLINE))
            acknowledged[key.index] = operation.id
            left.pop()
