#!/usr/bin/env python3
"""An independent verifier: one file, the standard library alone, nothing of this project's.

    verify_certificate.py CERTIFICATE.json --rpc URL [--registry ADDRESS --chain-id N] [--key VP1…]

Name the registry that the brand publishes, unless this copy was made for one (PINNED). Anybody can set up a registry and
write a certificate that names it: without one the best answer is "consistent", which says nothing about the voucher.

Written from docs/protocol.md, so that it can contradict the project where the project is wrong. Prints one JSON object with
the verdict. Exit code 0: genuine and unspent, 1: not, 2: could not be determined, 3: consistent, 64: wrong use.
"""

import argparse
import json
import re
import sys
import time
import unicodedata
import urllib.request

PINNED = None
"""(chain id, registry) that this copy trusts; whoever hands it out writes it here (make verify-page)."""

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
STATES = ["unknown", "sealed", "held", "redeemed", "revoked"]


class Undetermined(Exception):
    """Something could not be read: says nothing about the voucher."""


class Forged(Exception):
    """A step proved false."""


class Mistyped(Exception):
    """What was given is no key: says nothing about the voucher."""


# --- keccak-256 (FIPS 202's permutation with Keccak's own padding) ----------------------------------------------------


def _rotate(word, by):
    return ((word << by) | (word >> (64 - by))) & (2**64 - 1) if by else word


def _round_constants():
    register = 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if register & 1:
                constant |= 1 << ((1 << j) - 1)
            register = (register << 1) ^ (register >> 7) * 0x171
        yield constant


RC = list(_round_constants())


def _permute(a):
    for constant in RC:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        d = [c[x - 1] ^ _rotate(c[(x + 1) % 5], 1) for x in range(5)]
        a = [a[i] ^ d[i % 5] for i in range(25)]
        x, y, current = 1, 0, a[1]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            a[x + 5 * y], current = _rotate(current, (t + 1) * (t + 2) // 2 % 64), a[x + 5 * y]
        rows = a
        a = [rows[i] ^ (~rows[i // 5 * 5 + (i + 1) % 5] & rows[i // 5 * 5 + (i + 2) % 5]) for i in range(25)]
        a[0] ^= constant
    return a


def keccak(data):
    rate = 136
    data += b"\x01" + bytes(rate - 1 - len(data) % rate)
    data = data[:-1] + bytes([data[-1] | 0x80])
    state = [0] * 25
    for start in range(0, len(data), rate):
        for i in range(rate // 8):
            state[i] ^= int.from_bytes(data[start + 8 * i : start + 8 * i + 8], "little")
        state = _permute(state)
    return b"".join(word.to_bytes(8, "little") for word in state[:4])


# --- the voucher key: bech32m and secp256k1 ---------------------------------------------------------------------------


def _polymod(values):
    checksum = 1
    for value in values:
        top, checksum = checksum >> 25, (checksum & 0x1FFFFFF) << 5 ^ value
        for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            checksum ^= g if top >> i & 1 else 0
    return checksum


def read_key(text):
    """(batch id, index, secret). A slip of the pen is no forgery: raises Mistyped."""
    seen = [c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) not in ("Cf", "Mn")]
    plain = "".join("-" if unicodedata.category(c) == "Pd" or c in "\u2212\u2043" else c for c in seen)
    found = re.search(r"(?<![a-z0-9])vp1(?:[\s-]*[a-z0-9]){52}(?![a-z0-9])", plain, re.IGNORECASE | re.ASCII)
    text = re.sub(r"[\s-]", "", found[0]) if found else ""
    if not text or text not in (text.lower(), text.upper()):
        raise Mistyped(
            "this is no voucher key: one has 55 characters, begins with VP1, and is all capitals or all small"
        )
    values = ["qpzry9x8gf2tvdw0s3jn54khce6mua7l".find(c) for c in text[3:].lower()]
    if -1 in values or _polymod([3, 3, 0, 22, 16, *values]) != 0x2BC830A3 or values[0] != 0:
        raise Mistyped("the key's checksum fails; type it again")
    number = 0
    for value in values[1:-6]:
        number = number << 5 | value
    if number & 1:
        raise Mistyped("the key's padding is not zero; it was not made by this protocol")
    data = (number >> 1).to_bytes(28, "big")
    return data[:8], int.from_bytes(data[8:12], "big"), data[12:]


def _add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    rise, run = (3 * a[0] * a[0], 2 * a[1]) if a == b else (b[1] - a[1], b[0] - a[0])
    slope = rise * pow(run, -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def claim_address(secret):
    scalar = int.from_bytes(keccak(b"voucher-provenance/claim-key/v1" + secret), "big")
    if not 0 < scalar < N:
        raise Forged("the secret gives no key")
    point, power = None, G
    while scalar:
        if scalar & 1:
            point = _add(point, power)
        power, scalar = _add(power, power), scalar >> 1
    return keccak(point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big"))[12:]


# --- the certificate --------------------------------------------------------------------------------------------------


def unhex(text, size):
    try:
        data = bytes.fromhex(text.removeprefix("0x"))
    except (AttributeError, ValueError):
        raise Forged(f"{text!r:.80} is not 0x-hex") from None
    if len(data) != size:
        raise Forged(f"{text!r:.80} is not {size} bytes")
    return data


def word(value):
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def canonical(value):
    """RFC 8785, without fractions (whose form needs ECMAScript's printing)."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        raise Undetermined("the terms hold a fraction, which this verifier does not print as RFC 8785 does")
    return json.dumps(value, ensure_ascii=False)


def check_certificate(document):
    """Steps 3 and 5. Returns (batch id, root)."""
    batch, voucher = document["batch"], document["voucher"]
    leaf = keccak(
        keccak(word(voucher["index"]) + word(unhex(voucher["claimAddress"], 20)) + unhex(voucher["contentHash"], 32))
    )
    for node in voucher["proof"]:
        leaf = keccak(b"".join(sorted((leaf, unhex(node, 32)))))
    root = unhex(batch["root"], 32)
    if leaf != root:
        raise Forged("the proof does not lead to the root")
    terms_hash = unhex(batch["termsHash"], 32)
    if keccak(canonical(batch["terms"]).encode()) != terms_hash:
        raise Forged("the terms do not hash to the terms hash")
    parties = [
        word(unhex(document["registry"], 20)),
        word(unhex(batch["brand"], 20)),
        word(unhex(batch["supplier"], 20)),
    ]
    facts = [word(document["chainId"]), *parties, root, word(batch["count"]), word(batch["expiresAt"]), terms_hash]
    batch_id = keccak(b"".join(facts))[:8]
    if batch_id != unhex(batch["batchId"], 8):
        raise Forged("the batch id does not follow from the batch's facts")
    return batch_id, root


# --- the chain --------------------------------------------------------------------------------------------------------


def ask(url, method, params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = json.load(response)
        if answer["id"] != 1 or "error" in answer:
            raise Undetermined(f"{method}: {str(answer.get('error'))[:200]}")
        return answer["result"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Undetermined(f"{url}: {error}") from None


def call(url, registry, signature, arguments, block, words):
    data = keccak(signature.encode())[:4] + b"".join(arguments)
    answer = ask(url, "eth_call", [{"to": registry, "data": "0x" + data.hex()}, block])
    raw = bytes.fromhex(answer.removeprefix("0x"))
    if len(raw) != 32 * words:
        raise Undetermined(f"{registry} does not answer as a voucher registry does")
    return [raw[32 * i : 32 * i + 32] for i in range(words)]


def number(data):
    return int.from_bytes(data, "big")


def read_chain(document, batch_id, url):
    """Steps 4, 6 and 7: (state, holder, whose clock is past the expiry: "chain", "reader" or None, suspended)."""
    if int(ask(url, "eth_chainId", []), 16) != document["chainId"]:
        raise Undetermined("the endpoint serves another chain")
    head = ask(url, "eth_getBlockByNumber", ["latest", False])
    block, registry, claimed = head["number"], document["registry"], document["batch"]
    argument = batch_id.ljust(32, b"\0")
    batch = call(url, registry, "batchOf(bytes8)", [argument], block, 8)
    if number(batch[2]) == 0:
        if int(block, 16) < claimed["mintBlock"]:
            raise Undetermined("the endpoint has not come as far as the mint")
        raise Forged("the registry holds no such batch")
    expected = [claimed["root"], claimed["brand"], claimed["supplier"], claimed["termsHash"]]
    found = [batch[0], batch[1][12:], batch[5][12:], batch[7]]
    if [unhex(text, len(data)) for text, data in zip(expected, found, strict=True)] != found:
        raise Forged("the registry's batch differs from the certificate's")
    if number(batch[2]) != claimed["count"] or number(batch[3]) != claimed["expiresAt"]:
        raise Forged("the registry's count or expiry differs from the certificate's")
    index = document["voucher"]["index"]
    if index >= claimed["count"]:
        raise Forged("the index is not below the count")
    voucher = call(url, registry, "voucherOf(bytes8,uint32)", [argument, word(index)], block, 8)
    clocks = {"chain": int(head["timestamp"], 16), "reader": time.time()}
    expired = next((clock for clock, now in clocks.items() if now > claimed["expiresAt"]), None)
    suspended = bool(number(voucher[3])) or not number(voucher[4])
    return STATES[number(voucher[0])], voucher[1][12:], expired, suspended


def verify(document, url, pin, key):
    """(the verdict's name, whether the key is the holder's). Raises Forged or Undetermined."""
    return judge(document, url, pin, key)[:2]


def judge(document, url, pin, key):
    """The same, and whose clock has ended it: "chain", "reader" or None."""
    if document.get("type") != "voucher-certificate/v1":
        raise Forged("this is no voucher certificate")
    batch_id, _ = check_certificate(document)
    if pin and (document["chainId"], document["registry"].lower()) != (pin[0], pin[1].lower()):
        raise Forged("the certificate names another registry than the pinned one")
    mine = None
    if key:
        key_batch, key_index, secret = read_key(key)
        if (key_batch, key_index) != (batch_id, document["voucher"]["index"]):
            raise Forged("the certificate is not this key's")
        mine = claim_address(secret)
    state, holder, expired, suspended = read_chain(document, batch_id, url)
    if mine and state == "sealed" and mine != unhex(document["voucher"]["claimAddress"], 20):
        raise Forged("the key never belonged to this voucher")
    if state in ("redeemed", "revoked"):
        return state, None, None
    verdict = "expired" if expired else "suspended" if suspended else state if pin else "consistent"
    return verdict, None if mine is None or state == "sealed" else mine == holder, expired


def main():
    parser = argparse.ArgumentParser(
        description="Verify a voucher's certificate against a chain, with nothing of ours."
    )
    parser.add_argument("certificate")
    parser.add_argument("--rpc", required=True)
    parser.add_argument("--registry", help="the registry to trust; by default the one that this copy was made for")
    parser.add_argument("--chain-id", type=int, default=31337)
    parser.add_argument("--key", help="the voucher key, if it is to be checked too")
    try:
        arguments = parser.parse_args()
    except SystemExit as error:
        sys.exit(64 if error.code else 0)
    pin = (arguments.chain_id, arguments.registry) if arguments.registry else PINNED
    try:
        with open(arguments.certificate, encoding="utf-8") as file:
            document = json.load(file)
        verdict, mine, clock = judge(document, arguments.rpc, pin, arguments.key)
        answer = {"verdict": verdict, "keyIsHolders": mine, "expiredBy": clock}
    except Forged as error:
        answer = {"verdict": "forged", "reason": str(error)}
    except Undetermined as error:
        answer = {"verdict": "undetermined", "reason": str(error)}
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        answer = {"verdict": "forged", "reason": f"the certificate is malformed: {error}"}
    except (OSError, Mistyped) as error:
        sys.exit(print(error, file=sys.stderr) or 64)
    if answer["verdict"] == "consistent":
        named = f"registry {document['registry']} on chain {document['chainId']}"
        answer["reason"] = f"consistent with {named}, which you would have to trust; name the brand's with --registry"
    print(json.dumps(answer))
    good = answer["verdict"] in ("sealed", "held") and answer.get("keyIsHolders") is not False
    sys.exit(0 if good else {"undetermined": 2, "consistent": 3}.get(answer["verdict"], 1))


if __name__ == "__main__":
    main()
