"""Our reading of logsBloom against eth-bloom, which we did not write."""

from __future__ import annotations

import secrets

from eth_bloom import BloomFilter

from provenance.chain.reading import bloom, holds
from provenance.chain.wire import Log
from provenance.core.encoding import address_bytes, address_of


def entry(topics: int) -> Log:
    random = secrets.token_bytes
    return Log(
        address=address_of(random(20)),
        topics=tuple(random(32) for _ in range(topics)),
        data=random(5),
        block_number=1,
        block_hash=random(32),
        transaction_hash=random(32),
        transaction_index=0,
        log_index=0,
    )


def test_blooms_are_those_of_eth_bloom() -> None:
    for count in (0, 1, 7, 60):
        logs = [entry(i % 5) for i in range(count)]
        theirs = BloomFilter()
        for log in logs:
            theirs.extend([address_bytes(log.address), *log.topics])
        assert bloom(logs) == int(theirs)


def test_a_log_left_out_shows_in_the_bloom() -> None:
    logs = [entry(3) for _ in range(10)]
    assert bloom(logs[1:]) != bloom(logs)


def test_an_address_in_a_bloom_is_found_and_an_empty_bloom_holds_nothing() -> None:
    log = entry(1)
    assert holds(bloom([log]).to_bytes(256, "big"), address_bytes(log.address))
    assert not holds(bytes(256), address_bytes(log.address))
