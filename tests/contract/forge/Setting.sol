// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVoucherRegistry} from "contracts/IVoucherRegistry.sol";
import {vm} from "./Vm.sol";

/// @title The registry under test and what surrounds it: its committed bytes, people's keys, signatures, trees
/// @dev Written from protocol.md, not from the contract: nothing here calls the code that it checks.
abstract contract Setting {
    uint256 internal constant N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint40 internal constant FAR = type(uint40).max;

    struct Leaf {
        uint32 index;
        address claim;
        bytes32 content;
    }

    IVoucherRegistry internal registry;

    /// @dev What is deployed is the artifact, or the mutant that the environment names.
    function _deploy(address admin) internal {
        string memory file = vm.envOr("REGISTRY_ARTIFACT", string("provenance/chain/artifact/VoucherRegistry.json"));
        bytes memory code = bytes.concat(vm.parseJsonBytes(vm.readFile(file), ".bytecode"), abi.encode(admin));
        address deployed;
        assembly {
            deployed := create(0, add(code, 0x20), mload(code))
        }
        require(deployed != address(0), "not deployed");
        registry = IVoucherRegistry(deployed);
    }

    function _domain(uint256 chain, address verifier) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("VoucherRegistry"),
                keccak256("1"),
                chain,
                verifier
            )
        );
    }

    function _digest(bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", _domain(block.chainid, address(registry)), structHash));
    }

    function _moveHash(IVoucherRegistry.Op memory op) internal pure returns (bytes32) {
        bytes32 typehash = op.kind == IVoucherRegistry.Kind.Transfer
            ? keccak256("Transfer(bytes8 batchId,uint32 index,address to,uint32 nonce,uint40 deadline)")
            : keccak256("Redeem(bytes8 batchId,uint32 index,address redeemer,uint32 nonce,uint40 deadline)");
        return keccak256(abi.encode(typehash, op.batchId, op.index, op.party, op.nonce, op.deadline));
    }

    function _mintHash(IVoucherRegistry.Mint memory m) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "Mint(address brand,bytes32 root,uint32 count,uint40 expiresAt,bytes32 termsHash,uint40 deadline)"
                ),
                m.brand,
                m.root,
                m.count,
                m.expiresAt,
                m.termsHash,
                m.deadline
            )
        );
    }

    function _revokeHash(bytes8 batchId, uint32[] memory indices, uint40 deadline) internal pure returns (bytes32) {
        bytes memory words;
        for (uint256 i = 0; i < indices.length; ++i) {
            words = bytes.concat(words, bytes32(uint256(indices[i])));
        }
        bytes32 typehash = keccak256("Revoke(bytes8 batchId,uint32[] indices,uint40 deadline)");
        return keccak256(abi.encode(typehash, batchId, keccak256(words), deadline));
    }

    function _suspendHash(bytes8 batchId, bool on, uint32 nonce, uint40 deadline) internal pure returns (bytes32) {
        bytes32 typehash = keccak256("Suspend(bytes8 batchId,bool suspended,uint32 nonce,uint40 deadline)");
        return keccak256(abi.encode(typehash, batchId, on, nonce, deadline));
    }

    /// @dev EIP-2098: the parity in the highest bit of s.
    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes32 r, bytes32 vs) {
        (uint8 v, bytes32 r_, bytes32 s) = vm.sign(key, digest);
        return (r_, bytes32(uint256(s) | uint256(v - 27) << 255));
    }

    /// @dev Zero for whatever is no canonical signature.
    function _recover(bytes32 digest, bytes32 r, bytes32 vs) internal pure returns (address) {
        uint256 s = uint256(vs) & (type(uint256).max >> 1);
        if (s > N / 2) return address(0);
        return ecrecover(digest, uint8(uint256(vs) >> 255) + 27, r, bytes32(s));
    }

    function _parent(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }

    /// @dev protocol.md, 2: a heap of 2n-1 nodes, leaf i at node 2n-2-i.
    function _tree(Leaf[] memory leaves) internal pure returns (bytes32[] memory nodes) {
        nodes = new bytes32[](2 * leaves.length - 1);
        for (uint256 i = 0; i < leaves.length; ++i) {
            bytes32 inner = keccak256(abi.encode(uint256(leaves[i].index), leaves[i].claim, leaves[i].content));
            nodes[nodes.length - 1 - i] = keccak256(abi.encodePacked(inner));
        }
        for (uint256 i = leaves.length - 1; i > 0; --i) {
            nodes[i - 1] = _parent(nodes[2 * i - 1], nodes[2 * i]);
        }
    }

    function _proof(bytes32[] memory nodes, uint256 position) internal pure returns (bytes32[] memory proof) {
        uint256 start = nodes.length - 1 - position;
        uint256 length = 0;
        for (uint256 n = start; n != 0; n = (n - 1) / 2) {
            ++length;
        }
        proof = new bytes32[](length);
        uint256 node = start;
        for (uint256 k = 0; k < length; ++k) {
            proof[k] = nodes[node % 2 == 1 ? node + 1 : node - 1];
            node = (node - 1) / 2;
        }
    }
}
