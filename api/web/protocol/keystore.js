// Opens an Ethereum keystore (Web3 Secret Storage, version 3) with its passphrase.

import { pbkdf2Async } from "@noble/hashes/pbkdf2.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { InvalidInput, ciphers, hex, keccak, unhex, utf8 } from "./bytes.js";

const plain = (text) => unhex("0x" + text.replace(/^0x/, ""));

/** The 32-byte private key. Throws InvalidInput for another kind of file or a wrong passphrase. */
export async function openKeystore(document, passphrase) {
  const crypto_ = document?.crypto ?? document?.Crypto;
  if (document?.version !== 3 || crypto_?.cipher !== "aes-128-ctr") throw new InvalidInput("keystore.kind");
  const derived = await derive(crypto_, utf8(passphrase.normalize("NFKC")));
  const sealed = plain(crypto_.ciphertext);
  if (hex(keccak(derived.slice(16, 32), sealed)) !== hex(plain(crypto_.mac))) throw new InvalidInput("keystore.passphrase");
  const key = await ciphers().importKey("raw", derived.slice(0, 16), "AES-CTR", false, ["decrypt"]);
  const algorithm = { name: "AES-CTR", counter: plain(crypto_.cipherparams.iv), length: 128 };
  return new Uint8Array(await ciphers().decrypt(algorithm, key, sealed));
}

function derive({ kdf, kdfparams: p }, passphrase) {
  if (kdf === "scrypt") return scryptAsync(passphrase, plain(p.salt), { N: p.n, r: p.r, p: p.p, dkLen: p.dklen, maxmem: 2 ** 31 });
  if (kdf === "pbkdf2" && p.prf === "hmac-sha256") return pbkdf2Async(sha256, passphrase, plain(p.salt), { c: p.c, dkLen: p.dklen });
  throw new InvalidInput("keystore.kind");
}
