// OpenZeppelin's StandardMerkleTree, unsorted leaves, as a heap: node k has the children 2k+1 and 2k+2 (protocol.md, 2).

import { keccak } from "./bytes.js";

export const MAX_PROOF = 32;

function smaller(a, b) {
  for (let i = 0; i < 32; i++) if (a[i] !== b[i]) return a[i] < b[i];
  return true;
}

/** keccak of two nodes, the smaller first. */
export const hashPair = (a, b) => (smaller(a, b) ? keccak(a, b) : keccak(b, a));

/** The root that a leaf and its proof (lists of 32-byte arrays) lead to. */
export const rootFrom = (leaf, proof) => proof.reduce(hashPair, leaf);

/** The root of these leaves. */
export function buildRoot(leaves) {
  const nodes = [...new Array(leaves.length - 1), ...leaves.toReversed()];
  for (let k = leaves.length - 2; k >= 0; k--) nodes[k] = hashPair(nodes[2 * k + 1], nodes[2 * k + 2]);
  return nodes[0];
}
