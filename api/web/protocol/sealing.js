// Opens and seals a voucher's content with the browser's own AES-256-GCM (protocol.md, 1; NIST SP 800-38D).

import { InvalidInput, ciphers, concat, hex, integer, keccak, utf8 } from "./bytes.js";
import { contentKey } from "./fingerprint.js";

const SALT_BYTES = 32;

async function cipher(secret, index) {
  const key = await ciphers().importKey("raw", contentKey(secret), "AES-GCM", false, ["encrypt", "decrypt"]);
  // Each key seals once, so the fixed nonce is safe.
  return [{ name: "AES-GCM", iv: new Uint8Array(12), additionalData: integer(index, 4) }, key];
}

/** Bytes of salt ‖ content, sealed under the secret's content key. */
export async function seal(secret, index, salt, content) {
  const [parameters, key] = await cipher(secret, index);
  return new Uint8Array(await ciphers().encrypt(parameters, key, concat(salt, utf8(content))));
}

/** `{salt, content}`. Throws InvalidInput where the key does not open it, or the content is not what the leaf promised. */
export async function openSealed(secret, index, sealed, expectedHash) {
  const [parameters, key] = await cipher(secret, index);
  const opened = await ciphers().decrypt(parameters, key, sealed).catch(() => {
    throw new InvalidInput("content.locked");
  });
  const plain = new Uint8Array(opened);
  if (hex(keccak(plain)) !== expectedHash) throw new InvalidInput("content.other");
  return { salt: plain.slice(0, SALT_BYTES), content: new TextDecoder().decode(plain.subarray(SALT_BYTES)) };
}
