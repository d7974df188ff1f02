// From a voucher's secret to what derives from it: claim key, leaf, content key and salt (protocol.md, 1).

import { Point, hashes, sign as signDigest } from "@noble/secp256k1";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { ZERO_HASH, hex, integer, keccak, right, unhex, utf8 } from "./bytes.js";

hashes.sha256 = sha256;
hashes.hmacSha256 = (key, message) => hmac(sha256, key, message);

const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const CLAIM_KEY = utf8("voucher-provenance/claim-key/v1");
const CONTENT_KEY = utf8("voucher-provenance/content-key/v1");
const CONTENT_SALT = utf8("voucher-provenance/content-salt/v1");

/** 16 bytes from the operating system's random source. */
export function freshSecret() {
  for (;;) {
    const secret = crypto.getRandomValues(new Uint8Array(16));
    const key = BigInt(hex(claimPrivateKey(secret)));
    if (key > 0n && key < N) return secret;
  }
}

/** The 32-byte holder key. */
export const claimPrivateKey = (secret) => keccak(CLAIM_KEY, secret);

/** The Ethereum address of a private key, lower case. */
export function addressOfKey(privateKey) {
  const point = Point.BASE.multiply(BigInt(hex(privateKey))).toAffine();
  return hex(keccak(integer(point.x), integer(point.y)).subarray(12));
}

export const claimAddress = (secret) => addressOfKey(claimPrivateKey(secret));
export const contentKey = (secret) => keccak(CONTENT_KEY, secret);
export const contentSalt = (secret) => keccak(CONTENT_SALT, secret);

/** 0x-hex; zero where there is no content. `salt` is the first secret's, whoever holds the voucher now. */
export const contentHash = (salt, content) => (content === null ? ZERO_HASH : hex(keccak(salt, utf8(content))));

/** OpenZeppelin's standard leaf over (uint256 index, address claimAddress, bytes32 contentHash), hashed twice. */
export const leaf = (index, address, content) => keccak(keccak(integer(index), right(unhex(address)), unhex(content)));

/** EIP-2098 signature of a 32-byte digest, deterministic (RFC 6979), low s. */
export function sign(privateKey, digest) {
  const [recovery, ...rest] = signDigest(digest, privateKey, { prehash: false, format: "recovered" });
  rest[32] |= recovery << 7;
  return { r: hex(Uint8Array.from(rest.slice(0, 32))), vs: hex(Uint8Array.from(rest.slice(32))) };
}
