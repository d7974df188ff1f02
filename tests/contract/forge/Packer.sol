// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVoucherRegistry} from "contracts/IVoucherRegistry.sol";

/// @title A second writer of the packed form, from the interface's text; every op gets its own entry of nodes
library Packer {
    /// @dev `depth` levels of the tree are shared (0: none). `poison` damages one shared node; `bare`
    /// leaves the first use's fields out.
    struct Entry {
        bytes32[] nodes;
        uint256 position;
        uint256 depth;
        bool poison;
        bool bare;
    }

    function pack(IVoucherRegistry.Op[] memory ops, Entry[] memory entries) internal pure returns (bytes memory data) {
        data = abi.encodePacked(uint8(ops.length), uint16(ops.length));
        for (uint256 i = 0; i < ops.length; ++i) {
            data = bytes.concat(data, bytes8(ops[i].batchId), _nodes(entries[i]));
        }
        for (uint256 i = 0; i < ops.length; ++i) {
            bool same = i != 0 && ops[i - 1].party == ops[i].party;
            bool sameTime = i != 0 && ops[i - 1].deadline == ops[i].deadline;
            data = bytes.concat(data, _op(ops[i], i, same, sameTime, entries[i].bare));
            if (!entries[i].bare) data = bytes.concat(data, _first(ops[i], entries[i]));
        }
    }

    /// @dev All nodes `depth` levels below the root, left to right; a perfect tree closes ctz(i+1) subtrees after node i.
    function _nodes(Entry memory entry) private pure returns (bytes memory data) {
        if (entry.depth == 0) return abi.encodePacked(uint16(0));
        uint256 width = 1 << entry.depth;
        data = abi.encodePacked(uint16(width));
        for (uint256 i = 0; i < width; ++i) {
            uint8 closes = 0;
            for (uint256 n = i + 1; n % 2 == 0; n /= 2) {
                ++closes;
            }
            bytes32 node = entry.nodes[width - 1 + i];
            if (entry.poison && i == 0) node ^= bytes32(uint256(1));
            data = bytes.concat(data, node, bytes1(closes));
        }
    }

    function _op(IVoucherRegistry.Op memory op, uint256 entry, bool same, bool sameTime, bool bare)
        private
        pure
        returns (bytes memory data)
    {
        uint8 flags =
            uint8(op.kind) | (same ? 2 : 0) | (sameTime ? 4 : 0) | (bare ? 0 : 8) | (op.contentHash != 0 ? 16 : 0);
        data = abi.encodePacked(flags, uint8(entry), op.index, op.nonce, op.r, op.vs);
        if (!same) data = bytes.concat(data, bytes20(op.party));
        if (!sameTime) data = bytes.concat(data, bytes5(op.deadline));
        if (op.contentHash != 0) data = bytes.concat(data, op.contentHash);
    }

    function _first(IVoucherRegistry.Op memory op, Entry memory entry) private pure returns (bytes memory data) {
        uint256 node = entry.nodes.length == 0 ? 0 : entry.nodes.length - 1 - entry.position;
        uint256 length = op.proof.length - entry.depth;
        for (uint256 k = 0; k < length; ++k) {
            data = bytes.concat(data, op.proof[k]);
        }
        while (node >= (2 << entry.depth) - 1) node = (node - 1) / 2;
        uint256 number = entry.depth == 0 ? 0 : node - ((1 << entry.depth) - 1);
        return bytes.concat(bytes2(uint16(number)), bytes1(uint8(length)), data);
    }
}
