// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVoucherRegistry as R} from "contracts/IVoucherRegistry.sol";
import {Setting} from "./Setting.sol";
import {Vm, vm} from "./Vm.sol";

/// @title What the registry must do, said a second time: predictions from protocol.md, a state folded from events alone
/// @dev `broken` keeps, for each invariant of protocol.md 5, the first thing that contradicted it.
abstract contract Model is Setting {
    struct VoucherModel {
        address holder;
        uint32 nonce;
        bool redeemed;
        bool revoked;
    }

    struct Known {
        bytes8 id;
        R.Batch facts;
        Leaf[] leaves;
        bytes32[] nodes;
    }

    mapping(uint256 invariant => string) public broken;
    uint256[16] public reached; // how often each status was answered

    Known[] internal batches;
    mapping(bytes8 => uint256) internal numberOf; // from 1
    mapping(bytes8 => R.Batch) internal minted;
    mapping(bytes8 => mapping(uint32 => VoucherModel)) internal vouchers;
    mapping(address => bool) internal admitted;
    mapping(address => mapping(address => R.Authorization)) internal granted;
    mapping(address => mapping(address => uint40)) internal redeemerUntil;
    mapping(address => uint256) internal keyOf;
    mapping(uint256 => address) private _addresses;

    function _check(uint256 invariant, bool holds, string memory what) internal {
        if (!holds && bytes(broken[invariant]).length == 0) broken[invariant] = what;
    }

    function _key(uint256 key) internal returns (address who) {
        who = _addresses[key];
        if (who == address(0)) {
            who = _addresses[key] = vm.addr(key);
            keyOf[who] = key;
        }
    }

    // ----------------------------------------------------------------------------------------------- calls

    /// @dev One call. It must succeed where `expected` is empty, and else revert with exactly these bytes.
    function _send(address sender, bytes memory call, bytes memory expected)
        internal
        returns (bool ok, bytes memory answer)
    {
        vm.recordLogs();
        vm.prank(sender);
        (ok, answer) = address(registry).call(call);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (expected.length == 0) _check(7, ok, "a call failed that should succeed");
        else _check(4, !ok && keccak256(answer) == keccak256(expected), "a call did not fail as it should");
        if (ok) {
            _check(12, logs.length == 1, "not one event for one change");
            _fold(logs[0]);
        }
    }

    /// @dev One call that answers statuses: one status and one event an op, all as predicted.
    function _sendOps(
        address sender,
        bytes memory call,
        bytes memory expected,
        R.Status[] memory predicted,
        bytes32[] memory names
    ) internal {
        vm.recordLogs();
        vm.prank(sender);
        (bool ok, bytes memory answer) = address(registry).call(call);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (expected.length != 0) {
            return _check(4, !ok && keccak256(answer) == keccak256(expected), "a call did not fail as it should");
        }
        if (!ok) return _check(7, false, "an op made the whole call fail");
        R.Status[] memory statuses = abi.decode(answer, (R.Status[]));
        _check(7, statuses.length == predicted.length && logs.length == predicted.length, "one status, one event an op");
        if (bytes(broken[7]).length != 0) return;
        for (uint256 i = 0; i < predicted.length; ++i) {
            _checkStatus(predicted[i], statuses[i]);
            _checkEvent(logs[i], i, statuses[i], names[i]);
            _fold(logs[i]);
            ++reached[uint256(statuses[i])];
        }
    }

    function _checkStatus(R.Status predicted, R.Status status) private {
        if (status == predicted) return;
        if (predicted == R.Status.AlreadyRedeemed || predicted == R.Status.AlreadyRevoked) {
            _check(6, false, "executed after the end");
        } else if (predicted == R.Status.WrongNonce) {
            _check(6, false, "another nonce");
        } else if (predicted == R.Status.InvalidSignature) {
            _check(8, false, "no canonical signature");
        } else if (predicted == R.Status.NotHolder) {
            _check(4, false, "not the holder's signature");
        } else if (predicted == R.Status.IndexOutOfRange) {
            _check(5, false, "index >= count");
        } else if (predicted == R.Status.NotInBatch) {
            _check(9, false, "no leaf, or not its proof");
        } else {
            _check(7, false, "another status than the rules give");
        }
    }

    function _checkEvent(Vm.Log memory log, uint256 position, R.Status status, bytes32 name) private {
        bool refused = log.topics[0] == R.Refused.selector;
        _check(7, refused == (status != R.Status.Executed), "status and event differ");
        _check(12, keccak256(abi.encode(log.topics[1], log.topics[2])) == name, "an event names another voucher");
        if (!refused) return;
        (uint256 place, R.Status said) = abi.decode(log.data, (uint256, R.Status));
        _check(7, place == position && said == status, "a refusal's event says something else");
    }

    // ------------------------------------------------------------------------------------------------ fold

    function _fold(Vm.Log memory log) private {
        _check(12, log.emitter == address(registry), "an event of someone else");
        bytes32 kind = log.topics[0];
        if (kind == R.Refused.selector) return;
        if (kind == R.Transferred.selector || kind == R.Redeemed.selector || kind == R.Revoked.selector) {
            return _foldVoucher(kind, log);
        }
        if (kind == R.Minted.selector) return _foldMint(log);
        if (kind == R.Suspended.selector || kind == R.Resumed.selector) {
            R.Batch storage facts = batches[numberOf[bytes8(log.topics[1])] - 1].facts;
            facts.suspended = kind == R.Suspended.selector;
            ++facts.suspensions;
            return _check(12, _topic(log, 2) == facts.brand, "suspended by another brand");
        }
        _foldDirectory(kind, log);
    }

    function _foldVoucher(bytes32 kind, Vm.Log memory log) private {
        bytes8 id = bytes8(log.topics[1]);
        VoucherModel storage voucher = vouchers[id][uint32(uint256(log.topics[2]))];
        if (kind == R.Transferred.selector) {
            voucher.holder = _topic(log, 3);
            ++voucher.nonce;
        } else if (kind == R.Redeemed.selector) {
            _check(2, !voucher.redeemed, "redeemed twice");
            voucher.redeemed = true;
        } else {
            _check(2, !voucher.redeemed && voucher.holder == address(0), "revoked, though not sealed");
            _check(12, _topic(log, 3) == minted[id].supplier, "revoked by another supplier");
            voucher.revoked = true;
        }
    }

    function _foldMint(Vm.Log memory log) private {
        R.Batch storage batch = minted[bytes8(log.topics[1])];
        _check(1, batch.count == 0, "minted twice");
        (batch.brand, batch.supplier) = (_topic(log, 2), _topic(log, 3));
        (batch.root, batch.count, batch.expiresAt, batch.termsHash) =
            abi.decode(log.data, (bytes32, uint32, uint40, bytes32));
        R.Authorization storage left = granted[batch.brand][batch.supplier];
        _check(11, left.quota >= batch.count, "more vouchers than the brand granted");
        if (left.quota >= batch.count) left.quota -= batch.count;
    }

    function _foldDirectory(bytes32 kind, Vm.Log memory log) private {
        address brand = _topic(log, 1);
        if (kind == R.BrandAdmitted.selector) {
            admitted[brand] = true;
        } else if (kind == R.BrandSuspended.selector) {
            admitted[brand] = false;
        } else if (kind == R.SupplierAuthorized.selector) {
            (uint64 quota, uint40 until) = abi.decode(log.data, (uint64, uint40));
            granted[brand][_topic(log, 2)] = R.Authorization(quota, until);
        } else if (kind == R.SupplierWithdrawn.selector) {
            delete granted[brand][_topic(log, 2)];
        } else if (kind == R.RedeemerAuthorized.selector) {
            redeemerUntil[brand][_topic(log, 2)] = abi.decode(log.data, (uint40));
        } else if (kind == R.RedeemerWithdrawn.selector) {
            delete redeemerUntil[brand][_topic(log, 2)];
        } else {
            _check(12, false, "an event that the interface does not have");
        }
    }

    function _topic(Vm.Log memory log, uint256 i) private pure returns (address) {
        return address(uint160(uint256(log.topics[i])));
    }

    function _remember(bytes8 id, Leaf[] memory leaves, bytes32[] memory nodes) internal {
        Known storage known = batches.push();
        known.id = id;
        known.facts = minted[id];
        known.nodes = nodes;
        for (uint256 i = 0; i < leaves.length; ++i) {
            known.leaves.push(leaves[i]);
        }
        numberOf[id] = batches.length;
    }

    // ------------------------------------------------------------------------------------------ prediction

    /// @dev The voucher as it is when op `i` has its turn, after the earlier ones of the same call.
    function _before(R.Op[] memory ops, uint256 i, R.Status[] memory predicted)
        private
        view
        returns (VoucherModel memory voucher)
    {
        voucher = vouchers[ops[i].batchId][ops[i].index];
        for (uint256 k = 0; k < i; ++k) {
            bool same = ops[k].batchId == ops[i].batchId && ops[k].index == ops[i].index;
            if (!same || predicted[k] != R.Status.Executed) continue;
            if (ops[k].kind == R.Kind.Redeem) voucher.redeemed = true;
            else (voucher.holder, voucher.nonce) = (ops[k].party, voucher.nonce + 1);
        }
    }

    function _predict(R.Op[] memory ops, uint256 i, R.Status[] memory predicted, bool poison)
        internal
        view
        returns (R.Status)
    {
        R.Op memory op = ops[i];
        if (numberOf[op.batchId] == 0) return R.Status.UnknownBatch;
        Known storage batch = batches[numberOf[op.batchId] - 1];
        VoucherModel memory voucher = _before(ops, i, predicted);
        if (op.index >= batch.facts.count) return R.Status.IndexOutOfRange;
        if (block.timestamp > op.deadline) return R.Status.DeadlinePassed;
        if (voucher.redeemed) return R.Status.AlreadyRedeemed;
        if (voucher.revoked) return R.Status.AlreadyRevoked;
        if (block.timestamp > batch.facts.expiresAt) return R.Status.BatchExpired;
        if (op.kind == R.Kind.Redeem) {
            if (batch.facts.suspended) return R.Status.BatchSuspended;
            if (!admitted[batch.facts.brand]) return R.Status.BrandNotAdmitted;
            if (block.timestamp > redeemerUntil[batch.facts.brand][op.party]) return R.Status.RedeemerNotAuthorized;
        }
        if (op.nonce != voucher.nonce) return R.Status.WrongNonce;
        if (op.party == address(0)) return R.Status.InvalidRecipient;
        address signer = _recover(_digest(_moveHash(op)), op.r, op.vs);
        if (signer == address(0)) return R.Status.InvalidSignature;
        if (voucher.holder != address(0)) return signer == voucher.holder ? R.Status.Executed : R.Status.NotHolder;
        return !poison && _isLeaf(batch, op, signer) ? R.Status.Executed : R.Status.NotInBatch;
    }

    /// @dev By the list of leaves: one of them says so, and the proof is exactly its own.
    function _isLeaf(Known storage batch, R.Op memory op, address signer) private view returns (bool) {
        bytes32 shown = keccak256(abi.encode(op.proof));
        for (uint256 i = 0; i < batch.leaves.length; ++i) {
            Leaf memory leaf = batch.leaves[i];
            bool says = leaf.index == op.index && leaf.claim == signer && leaf.content == op.contentHash;
            if (says && keccak256(abi.encode(_proof(batch.nodes, i))) == shown) return true;
        }
        return false;
    }

    function _predictRevocations(bytes8 id, uint32 count, uint32[] memory indices)
        internal
        view
        returns (R.Status[] memory predicted)
    {
        predicted = new R.Status[](indices.length);
        for (uint256 i = 0; i < indices.length; ++i) {
            VoucherModel memory voucher = vouchers[id][indices[i]];
            for (uint256 k = 0; k < i; ++k) {
                if (indices[k] == indices[i] && predicted[k] == R.Status.Executed) voucher.revoked = true;
            }
            if (indices[i] >= count) predicted[i] = R.Status.IndexOutOfRange;
            else if (voucher.redeemed) predicted[i] = R.Status.AlreadyRedeemed;
            else if (voucher.revoked) predicted[i] = R.Status.AlreadyRevoked;
            else if (voucher.holder != address(0)) predicted[i] = R.Status.NotSealed;
        }
    }

    function _brandMay(address brand, uint40 until) internal view returns (bytes memory) {
        if (!admitted[brand]) return abi.encodeWithSelector(R.BrandNotAdmitted.selector, brand);
        if (until < block.timestamp) return abi.encodeWithSelector(R.TimeInPast.selector, until);
        return "";
    }

    function _mintFails(R.Mint memory m, address supplier, bytes8 id) internal view returns (bytes memory) {
        R.Authorization memory left = granted[m.brand][supplier];
        if (supplier == address(0)) return abi.encodeWithSelector(R.InvalidSignature.selector);
        if (block.timestamp > m.deadline) return abi.encodeWithSelector(R.DeadlinePassed.selector, m.deadline);
        if (m.count == 0) return abi.encodeWithSelector(R.EmptyBatch.selector);
        if (m.root == 0) return abi.encodeWithSelector(R.ZeroRoot.selector);
        if (block.timestamp > m.expiresAt) return abi.encodeWithSelector(R.TimeInPast.selector, m.expiresAt);
        if (numberOf[id] != 0) return abi.encodeWithSelector(R.BatchTaken.selector, id);
        if (!admitted[m.brand]) return abi.encodeWithSelector(R.BrandNotAdmitted.selector, m.brand);
        if (block.timestamp > left.until) {
            return abi.encodeWithSelector(R.SupplierNotAuthorized.selector, m.brand, supplier);
        }
        if (m.count > left.quota) return abi.encodeWithSelector(R.QuotaExceeded.selector, left.quota, m.count);
        return "";
    }

    function _revokeFails(Known storage batch, address supplier) internal view returns (bytes memory) {
        if (supplier == batch.facts.supplier) return "";
        return abi.encodeWithSelector(R.NotBatchSupplier.selector, supplier);
    }

    function _suspendFails(Known storage batch, bool on, address brand) internal view returns (bytes memory) {
        if (brand != batch.facts.brand) return abi.encodeWithSelector(R.NotBatchBrand.selector, brand);
        if (on != batch.facts.suspended) return "";
        return abi.encodeWithSelector(on ? R.AlreadySuspended.selector : R.NotSuspended.selector, batch.id);
    }

    function _batchId(R.Mint memory m, address supplier) internal view returns (bytes8) {
        return bytes8(
            keccak256(
                abi.encode(
                    block.chainid, address(registry), m.brand, supplier, m.root, m.count, m.expiresAt, m.termsHash
                )
            )
        );
    }

    // ------------------------------------------------------------------------------------------ comparison

    /// @dev The storage of a batch's vouchers, and of their neighbours in either direction, against the fold.
    function _compare(Known storage batch) internal {
        uint256 n = batch.leaves.length;
        bytes8[] memory ids = new bytes8[](2 * n);
        uint32[] memory indices = new uint32[](2 * n);
        for (uint256 i = 0; i < 2 * n; ++i) {
            uint32 index = batch.leaves[i / 2].index;
            (ids[i], indices[i]) = (batch.id, i % 2 == 0 ? index : index ^ uint32(1 << (block.timestamp + i) % 10));
        }
        R.Voucher[] memory answers = registry.vouchersOf(ids, indices);
        for (uint256 i = 0; i < answers.length; ++i) {
            _check(
                3,
                keccak256(abi.encode(answers[i])) == keccak256(abi.encode(_expected(batch, indices[i]))),
                "storage and events differ"
            );
        }
    }

    function _expected(Known storage batch, uint32 index) private view returns (R.Voucher memory shown) {
        VoucherModel memory voucher = vouchers[batch.id][index];
        shown.state = index >= batch.facts.count
            ? R.State.Unknown
            : voucher.redeemed
                ? R.State.Redeemed
                : voucher.revoked ? R.State.Revoked : voucher.nonce == 0 ? R.State.Sealed : R.State.Held;
        (shown.holder, shown.nonce) = (voucher.holder, voucher.nonce);
        (shown.suspended, shown.expiresAt) = (batch.facts.suspended, batch.facts.expiresAt);
        (shown.brand, shown.supplier) = (batch.facts.brand, batch.facts.supplier);
        shown.brandAdmitted = admitted[batch.facts.brand];
    }

    function _compareFacts(Known storage batch) internal {
        R.Batch memory facts = registry.batchOf(batch.id);
        _check(1, keccak256(abi.encode(facts)) == keccak256(abi.encode(batch.facts)), "a batch's facts changed");
        _check(1, facts.count != 0 && facts.root != 0, "an empty batch");
    }
}
