// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MerkleProofLib} from "solady/src/utils/MerkleProofLib.sol";
import {IVoucherRegistry as R} from "contracts/IVoucherRegistry.sol";
import {Packer} from "./Packer.sol";
import {Setting} from "./Setting.sol";
import {vm} from "./Vm.sol";

/// @title Invariants 8 and 9 under fuzz: no proof but a leaf's own, no signature but the holder's own
contract Proofs is Setting {
    uint256 private constant KEY = 0x1000;
    bytes8 private _id;
    Leaf[] private _leaves;
    bytes32[] private _nodes;

    /// @dev A batch of eleven whose holder is one person, and everyone else's permission.
    function setUp() public {
        _deploy(address(this));
        registry.admitBrand(address(this), "", "", 0);
        registry.authorizeSupplier(address(this), 1_000, FAR);
        registry.authorizeRedeemer(address(this), FAR);
        for (uint32 i = 0; i < 11; ++i) {
            _leaves.push(Leaf(i, vm.addr(KEY), bytes32(uint256(i % 3))));
        }
        _nodes = _tree(_leaves);
        _id = registry.mint(R.Mint(address(this), _nodes[0], 11, FAR, 0, FAR));
    }

    function _op(uint256 position) private view returns (R.Op[] memory ops) {
        ops = new R.Op[](1);
        (ops[0].kind, ops[0].batchId, ops[0].index) = (R.Kind.Redeem, _id, _leaves[position].index);
        (ops[0].party, ops[0].deadline) = (address(this), FAR);
        (ops[0].contentHash, ops[0].proof) = (_leaves[position].content, _proof(_nodes, position));
        (ops[0].r, ops[0].vs) = _sign(KEY, _digest(_moveHash(ops[0])));
    }

    function testFuzz_SoladysProofIsOpenZeppelins(bytes32 leaf, bytes32[] calldata proof, bytes32 root, bool right)
        public
        pure
    {
        if (right) root = MerkleProof.processProofCalldata(proof, leaf);
        bool judged = MerkleProofLib.verifyCalldata(proof, root, leaf);
        require(judged == MerkleProof.verifyCalldata(proof, root, leaf), "the libraries differ");
        require(judged || !right, "a right proof is refused");
    }

    function testFuzz_OnlyALeafsOwnProofExecutes(uint256 position, uint256 node, uint256 place, uint8 way) public {
        R.Op[] memory ops = _op(position % 11);
        bytes32[] memory own = ops[0].proof;
        ops[0].proof = _changed(own, _nodes[node % _nodes.length], place, way % 4);
        bool same = keccak256(abi.encode(own)) == keccak256(abi.encode(ops[0].proof));
        R.Status expected = same ? R.Status.Executed : R.Status.NotInBatch;
        require(registry.execute(ops)[0] == expected, "a proof that is not the leaf's own");
    }

    /// @dev Replaced by a node of the tree, shortened, lengthened by a node, or two of its nodes exchanged.
    function _changed(bytes32[] memory own, bytes32 node, uint256 place, uint256 way)
        private
        pure
        returns (bytes32[] memory proof)
    {
        proof = new bytes32[](way == 1 ? own.length - 1 : way == 2 ? own.length + 1 : own.length);
        for (uint256 i = 0; i < proof.length; ++i) {
            proof[i] = i < own.length ? own[i] : node;
        }
        place = place % own.length;
        if (way == 0) proof[place] = node;
        if (way == 3) (proof[place], proof[0]) = (proof[0], proof[place]);
    }

    function testFuzz_NoOtherSignatureExecutes(uint256 position, bytes32 r, bytes32 vs, uint16 bit) public {
        R.Op[] memory ops = _op(position % 11);
        if (bit < 256) ops[0].r ^= bytes32(1 << bit);
        else if (bit < 512) ops[0].vs ^= bytes32(1 << (bit - 256));
        else (ops[0].r, ops[0].vs) = (r, vs);
        R.Status status = registry.execute(ops)[0];
        require(status == R.Status.InvalidSignature || status == R.Status.NotInBatch, "a mangled signature");
    }

    function testFuzz_PackedIsPlain(uint256 position, bytes32 noise, uint8 lie, uint8 depth) public {
        R.Op[] memory ops = _op(position % 11);
        if (lie % 6 == 1) ops[0].index = uint32(uint256(noise)) % 20;
        if (lie % 6 == 2) ops[0].contentHash = noise;
        if (lie % 6 == 3) ops[0].vs = noise;
        if (lie % 6 == 4) ops[0].nonce = uint32(uint256(noise));
        if (lie % 6 == 5) ops[0].deadline = uint40(uint256(noise));
        Packer.Entry[] memory entries = new Packer.Entry[](1);
        entries[0] = Packer.Entry(_nodes, position % 11, depth % 4, false, false);
        uint256 state = vm.snapshotState();
        bytes32 packed = keccak256(abi.encode(registry.executePacked(Packer.pack(ops, entries))));
        vm.revertToState(state);
        require(packed == keccak256(abi.encode(registry.execute(ops))), "the two forms differ");
    }

    /// @dev What is not of the packed form may revert, but can execute nothing that the holder did not sign.
    function testFuzz_NoiseExecutesNothing(bytes memory noise) public {
        if (noise.length > 1) noise[1] = 0; // or most of the time goes into up to 65,535 refusals
        (bool ok, bytes memory answer) = address(registry).call(abi.encodeCall(registry.executePacked, (noise)));
        if (!ok) return;
        R.Status[] memory statuses = abi.decode(answer, (R.Status[]));
        for (uint256 i = 0; i < statuses.length; ++i) {
            require(statuses[i] != R.Status.Executed, "noise executed");
        }
    }

    /// @dev A real packed call with one byte changed: it reverts, or refuses, or does only what was signed.
    function testFuzz_OneChangedByteExecutesNothingElse(uint256 position, uint256 place, uint8 with) public {
        R.Op[] memory ops = _op(position % 11);
        Packer.Entry[] memory entries = new Packer.Entry[](1);
        entries[0] = Packer.Entry(_nodes, position % 11, 2, false, false);
        bytes memory data = Packer.pack(ops, entries);
        data[place % data.length] = bytes1(with);
        (bool ok,) = address(registry).call(abi.encodeCall(registry.executePacked, (data)));
        for (uint32 i = 0; ok && i < 11; ++i) {
            R.Voucher memory voucher = registry.voucherOf(_id, i);
            bool signed = i == ops[0].index && voucher.state == R.State.Redeemed;
            require(signed || voucher.state == R.State.Sealed, "another voucher changed");
        }
    }
}
