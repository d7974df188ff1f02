// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {IVoucherRegistry} from "./IVoucherRegistry.sol";
import {Statements} from "./Statements.sol";

/// @title The packed form of many ops (IVoucherRegistry.executePacked): reads bytes, judges nothing, keeps no state
/// @dev A read past the end sees zeros; the caller compares the last cursor with the length, which catches it.
library PackedOps {
    // Each block reads calldata or hashes memory in place; the compiler's own way copies first.
    // slither-disable-start assembly

    /// @dev A batch and the nodes of its tree at which proofs may end, in the order in which they were packed.
    struct Anchors {
        bytes8 batchId;
        bytes32 root;
        bytes32[] nodes;
    }

    /// @dev What proves a move: the holder's signature and, on first use, membership in the batch's tree.
    struct Evidence {
        bytes32 r;
        bytes32 vs;
        bytes32 contentHash;
        bytes32 anchor;
    }

    uint256 private constant REDEEM = 1;
    uint256 private constant SAME_PARTY = 2;
    uint256 private constant SAME_DEADLINE = 4;
    uint256 private constant FIRST_USE = 8;
    uint256 private constant CONTENT = 16;

    /// @notice The header: how many batches, how many ops, and the shared nodes of each batch.
    function readHeader(bytes calldata data)
        internal
        pure
        returns (Anchors[] memory batches, uint256 count, uint256 cursor)
    {
        batches = new Anchors[](_uint(data, 0, 1));
        count = _uint(data, 1, 2);
        cursor = 3;
        for (uint256 i = 0; i < batches.length; ++i) {
            batches[i].batchId = bytes8(_word(data, cursor));
            (batches[i].nodes, batches[i].root, cursor) = _readNodes(data, cursor + 8);
        }
    }

    /// @dev Nodes are the leaves of a pruned tree, from left to right. After each comes the number of subtrees that it
    /// closes: so many times, the two latest unpaired nodes are replaced by their parent. What remains is the root.
    function _readNodes(bytes calldata data, uint256 cursor)
        private
        pure
        returns (bytes32[] memory nodes, bytes32 root, uint256)
    {
        nodes = new bytes32[](_uint(data, cursor, 2));
        bytes32[] memory open = new bytes32[](nodes.length);
        uint256 depth = 0;
        cursor += 2;
        for (uint256 i = 0; i < nodes.length; ++i) {
            bytes32 node = nodes[i] = _word(data, cursor);
            uint256 closes = _uint(data, cursor + 32, 1);
            for (; closes != 0; --closes) {
                node = Hashes.commutativeKeccak256(open[--depth], node);
            }
            open[depth++] = node;
            cursor += 33;
        }
        if (depth > 1) revert IVoucherRegistry.MalformedOps();
        return (nodes, depth == 0 ? bytes32(0) : open[0], cursor);
    }

    /// @notice OpenZeppelin's standard leaf: keccak(keccak(abi.encode(index, claimAddress, contentHash))).
    function leaf(uint32 index, address claimAddress, bytes32 contentHash) internal pure returns (bytes32 node) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, and(index, 0xffffffff))
            mstore(add(free, 0x20), shr(96, shl(96, claimAddress)))
            mstore(add(free, 0x40), contentHash)
            mstore(0x00, keccak256(free, 0x60))
            node := keccak256(0x00, 0x20)
        }
    }

    /// @notice The next op, written over the one before: what is packed as "the same" keeps its value.
    /// @return proof the rest of the proof, from the leaf up to the node `evidence.anchor`
    function readOp(
        bytes calldata data,
        uint256 cursor,
        Anchors[] memory batches,
        Statements.Move memory move,
        Evidence memory evidence
    ) internal pure returns (bytes32[] calldata proof, uint256) {
        uint256 flags = _uint(data, cursor, 1);
        Anchors memory batch = batches[_uint(data, cursor + 1, 1)];
        move.typehash = flags & REDEEM == 0 ? Statements.TRANSFER : Statements.REDEEM;
        move.batchId = batch.batchId;
        move.index = uint32(_uint(data, cursor + 2, 4));
        move.nonce = uint32(_uint(data, cursor + 6, 4));
        (evidence.r, evidence.vs) = (_word(data, cursor + 10), _word(data, cursor + 42));
        cursor += 74;
        if (flags & SAME_PARTY == 0) {
            move.party = address(uint160(_uint(data, cursor, 20)));
            cursor += 20;
        }
        if (flags & SAME_DEADLINE == 0) {
            move.deadline = uint40(_uint(data, cursor, 5));
            cursor += 5;
        }
        evidence.contentHash = 0;
        if (flags & CONTENT != 0) {
            evidence.contentHash = _word(data, cursor);
            cursor += 32;
        }
        evidence.anchor = 0;
        if (flags & FIRST_USE == 0) return (_proof(data, cursor, 0), cursor);
        evidence.anchor = batch.nodes[_uint(data, cursor, 2)];
        uint256 length = _uint(data, cursor + 2, 1);
        return (_proof(data, cursor + 3, length), cursor + 3 + 32 * length);
    }

    function _proof(bytes calldata data, uint256 offset, uint256 length)
        private
        pure
        returns (bytes32[] calldata proof)
    {
        assembly ("memory-safe") {
            proof.offset := add(data.offset, offset)
            proof.length := length
        }
    }

    function _word(bytes calldata data, uint256 offset) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, offset))
        }
    }

    function _uint(bytes calldata data, uint256 offset, uint256 size) private pure returns (uint256) {
        return uint256(_word(data, offset)) >> (256 - 8 * size);
    }

    // slither-disable-end assembly
}
