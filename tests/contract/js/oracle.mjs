// What npm's own libraries say: OpenZeppelin's tree and viem's EIP-712. Reads one JSON request, writes one JSON answer.
import { createRequire } from "node:module";

const require = createRequire(process.argv[2]); // a file in contracts/, beside which the packages are
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");
const { hashTypedData } = require("viem");

const LEAF = ["uint256", "address", "bytes32"];
const answer = {
  tree({ values }) {
    const tree = StandardMerkleTree.of(values, LEAF, { sortLeaves: false });
    return { root: tree.root, proofs: values.map((_, i) => tree.getProof(i)) };
  },
  digests: ({ statements }) => statements.map((statement) => hashTypedData(statement)),
};

let text = "";
for await (const part of process.stdin) text += part;
const request = JSON.parse(text);
process.stdout.write(JSON.stringify(answer[request.ask](request)));
