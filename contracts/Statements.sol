// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVoucherRegistry} from "./IVoucherRegistry.sol";

/// @title EIP-712 struct hashes of what suppliers, brands and holders sign. Knows no domain, no signature, no state.
library Statements {
    // Each block reads calldata or hashes memory in place; the compiler's own way copies first.
    // slither-disable-start assembly

    /// @notice A Transfer or a Redeem, as its type has it; `party` is `to` or `redeemer`.
    struct Move {
        bytes32 typehash;
        bytes8 batchId;
        uint32 index;
        address party;
        uint32 nonce;
        uint40 deadline;
    }

    bytes32 internal constant MINT =
        keccak256("Mint(address brand,bytes32 root,uint32 count,uint40 expiresAt,bytes32 termsHash,uint40 deadline)");
    bytes32 internal constant TRANSFER =
        keccak256("Transfer(bytes8 batchId,uint32 index,address to,uint32 nonce,uint40 deadline)");
    bytes32 internal constant REDEEM =
        keccak256("Redeem(bytes8 batchId,uint32 index,address redeemer,uint32 nonce,uint40 deadline)");
    bytes32 internal constant REVOKE = keccak256("Revoke(bytes8 batchId,uint32[] indices,uint40 deadline)");
    bytes32 internal constant SUSPEND =
        keccak256("Suspend(bytes8 batchId,bool suspended,uint32 nonce,uint40 deadline)");

    /// @notice The type of a Transfer or a Redeem.
    function typehash(IVoucherRegistry.Kind kind) internal pure returns (bytes32) {
        return kind == IVoucherRegistry.Kind.Transfer ? TRANSFER : REDEEM;
    }

    /// @notice The struct hash of a Mint.
    function hash(IVoucherRegistry.Mint calldata m) internal pure returns (bytes32) {
        return keccak256(abi.encode(MINT, m.brand, m.root, m.count, m.expiresAt, m.termsHash, m.deadline));
    }

    /// @notice The struct hash of a Transfer or a Redeem. In memory a struct's members are words, one after the other
    /// and clean, which is exactly their EIP-712 encoding: it is hashed where it lies.
    function hash(Move memory move) internal pure returns (bytes32 structHash) {
        assembly ("memory-safe") {
            structHash := keccak256(move, 0xc0)
        }
    }

    /// @notice The struct hash of a Revoke. EIP-712 encodes an array as the keccak of its 32-byte elements.
    function hashRevoke(bytes8 batchId, uint32[] calldata indices, uint40 deadline) internal pure returns (bytes32) {
        return keccak256(abi.encode(REVOKE, batchId, keccak256(abi.encodePacked(indices)), deadline));
    }

    /// @notice The struct hash of a Suspend.
    function hashSuspend(bytes8 batchId, bool suspended, uint32 nonce, uint40 deadline)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(SUSPEND, batchId, suspended, nonce, deadline));
    }

    // slither-disable-end assembly
}
