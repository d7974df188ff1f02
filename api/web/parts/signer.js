// The fields for the supplier's own key: a keystore file and its passphrase. The key is opened here and never sent.

import { InvalidInput } from "../protocol/bytes.js";
import { h } from "./dom.js";
import { t } from "./texts.js";

/** `{fields, open}`: the elements, and a promise of the private key. */
export function signerFields(name) {
  const file = h("input", { id: `${name}-keystore`, type: "file", accept: "application/json,.json", required: true });
  const passphrase = h("input", { id: `${name}-passphrase`, type: "password", autocomplete: "off" });
  const fields = [
    h("p", {}, h("label", { for: file.id }, t("supplier.keystore")), file),
    h("p", {}, h("label", { for: passphrase.id }, t("supplier.passphrase")), passphrase),
  ];
  return { fields, open: async () => openKey(await readKeystore(file), passphrase.value) };
}

/** The JSON in a file field. Throws InvalidInput. */
export async function readKeystore(input) {
  try {
    return JSON.parse(await input.files[0].text());
  } catch {
    throw new InvalidInput("keystore.kind");
  }
}

async function openKey(keystore, passphrase) {
  const { openKeystore } = await import("../protocol/keystore.js");
  return openKeystore(keystore, passphrase);
}
