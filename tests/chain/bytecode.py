"""A few contracts, small enough to be written as opcodes, so that the node's tests need no compiler."""

from __future__ import annotations

COPY_INPUT = "36 6000 6000 37"  # calldatacopy(0, 0, calldatasize)

# log2(topic0 = input[0:32], topic1 = input[32:64], data = input[64:]), then slot 0 += 1 and return it
EMITTER = bytes.fromhex(
    COPY_INPUT + "6020 51 6000 51 6040 36 03 6040 a2" + "6000 54 6001 01 80 6000 55 6000 52 6020 6000 f3"
)
REVERTER = bytes.fromhex(COPY_INPUT + "36 6000 fd")  # revert with the input
CLOCK = bytes.fromhex("42 6000 52 43 6020 52 6040 6000 f3")  # return (timestamp, number)
SPINNER = bytes.fromhex("5b 6000 56")  # loop until the gas is gone
INVALID = bytes.fromhex("fe")
# call itself with all the gas there is, as deep as it goes
DIVER = bytes.fromhex("6000 6000 6000 6000 6000 30 5a f1 00")
HASHER = bytes.fromhex("610fff 5b 6020 6000 20 50 6001 90 03 80 6003 57 00")  # 4,095 hashes
# call the address in the input with all the gas there is, and revert if that fails: needs more than it uses (EIP-150)
PASSER = bytes.fromhex("6000 6000 6000 6000 6000 6000 35 5a f1 15 6014 57 00 5b 6000 6000 fd")


def creation_code(runtime: bytes) -> bytes:
    """Code that deploys `runtime`: codecopy(0, 12, len); return(0, len)."""
    size = len(runtime).to_bytes(2, "big")
    return b"\x61" + size + bytes.fromhex("80 600c 6000 39 6000 f3") + runtime
