// What parties sign: EIP-712 types, digests, and their JSON form (protocol.md, 4 and 6).

import { concat, integer, keccak, left, right, unhex, utf8 } from "./bytes.js";
import { sign } from "./fingerprint.js";

const FIELDS = {
  Mint: "address brand,bytes32 root,uint32 count,uint40 expiresAt,bytes32 termsHash,uint40 deadline",
  Transfer: "bytes8 batchId,uint32 index,address to,uint32 nonce,uint40 deadline",
  Redeem: "bytes8 batchId,uint32 index,address redeemer,uint32 nonce,uint40 deadline",
  Revoke: "bytes8 batchId,uint32[] indices,uint40 deadline",
  Suspend: "bytes8 batchId,bool suspended,uint32 nonce,uint40 deadline",
};
const DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";

function word(type, value) {
  if (type === "uint32[]") return keccak(...value.map((item) => integer(item)));
  if (type === "address") return right(unhex(value));
  if (type.startsWith("bytes")) return left(unhex(value));
  return integer(type === "bool" ? Number(value) : value);
}

function separator({ chainId, registry }) {
  const names = [DOMAIN, "VoucherRegistry", "1"].map((text) => keccak(utf8(text)));
  return keccak(...names, integer(chainId), right(unhex(registry)));
}

/** The 32 bytes that are signed (EIP-712). `domain` is `{chainId, registry}`. */
export function digest(domain, type, message) {
  const words = FIELDS[type].split(",").map((field) => {
    const [kind, name] = field.split(" ");
    return word(kind, message[name]);
  });
  const struct = keccak(keccak(utf8(`${type}(${FIELDS[type]})`)), ...words);
  return keccak(Uint8Array.of(0x19, 0x01), separator(domain), struct);
}

/** `{type, message, signature}` as it travels. */
export function signStatement(privateKey, domain, type, message) {
  return { type, message, signature: sign(privateKey, digest(domain, type, message)) };
}

/** One public leaf on the wire: claim address ‖ content hash, 52 bytes. */
export const publicLeaf = (address, content) => concat(unhex(address), unhex(content));
