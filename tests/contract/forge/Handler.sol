// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVoucherRegistry as R} from "contracts/IVoucherRegistry.sol";
import {Model} from "./Model.sol";
import {Packer} from "./Packer.sol";
import {vm} from "./Vm.sol";

/// @title Everyone who acts on the registry: brands, suppliers, redeemers, holders; thieves, replayers, signature manglers
/// @dev Never reverts: each call is made at low level, and its outcome must be the one that the model predicts.
contract Handler is Model {
    /// @dev The twelve lies of an op; 0 is the truth, and is told most of the time.
    uint256 internal constant LIES = 13;

    R.Op[] private _past;
    uint256 private _entropy;

    constructor() {
        _deploy(address(this));
        for (uint256 i = 0; i < 6; ++i) {
            _key(0x1000 + i);
        }
        for (uint256 i = 0; i < 2; ++i) {
            admit(i);
            authorizeSupplier(i, i, 1_000, type(uint32).max);
            authorizeRedeemer(i, i, type(uint32).max);
            mint(i, 0);
        }
    }

    // ------------------------------------------------------------------------------------------- directory

    function admit(uint256 who) public {
        _send(address(this), abi.encodeCall(registry.admitBrand, (_brand(who), "n", "u", bytes32(who))), "");
    }

    function suspendBrand(uint256 who) external {
        if (who % 3 != 0) return admit(who); // rarely, or nothing else could happen
        address brand = _brand(who);
        bytes memory expected = admitted[brand] ? bytes("") : abi.encodeWithSelector(R.BrandNotAdmitted.selector, brand);
        _send(address(this), abi.encodeCall(registry.suspendBrand, (brand)), expected);
    }

    function authorizeSupplier(uint256 who, uint256 whom, uint64 quota, uint32 until) public {
        quota %= 4_000;
        bytes memory call = abi.encodeCall(registry.authorizeSupplier, (_supplier(whom), quota, until));
        _send(_brand(who), call, _brandMay(_brand(who), until));
    }

    function authorizeRedeemer(uint256 who, uint256 whom, uint32 until) public {
        bytes memory call = abi.encodeCall(registry.authorizeRedeemer, (_redeemer(whom), until));
        _send(_brand(who), call, _brandMay(_brand(who), until));
    }

    function withdraw(uint256 who, uint256 whom, bool fromSupplier) external {
        if (whom % 4 != 0) return authorizeRedeemer(who, whom, type(uint32).max);
        address brand = _brand(who);
        if (fromSupplier) {
            address supplier = _supplier(whom);
            bytes memory no = abi.encodeWithSelector(R.SupplierNotAuthorized.selector, brand, supplier);
            bytes memory expected = granted[brand][supplier].until == 0 ? no : bytes("");
            _send(brand, abi.encodeCall(registry.withdrawSupplier, (supplier)), expected);
        } else {
            address redeemer = _redeemer(whom);
            bytes memory no = abi.encodeWithSelector(R.RedeemerNotAuthorized.selector, brand, redeemer);
            bytes memory expected = redeemerUntil[brand][redeemer] == 0 ? no : bytes("");
            _send(brand, abi.encodeCall(registry.withdrawRedeemer, (redeemer)), expected);
        }
    }

    function wait(uint32 seconds_) external {
        vm.warp(block.timestamp + seconds_ % 2 hours);
    }

    // --------------------------------------------------------------------------------------------- batches

    /// @dev Honest trees, one-leaf trees, trees with a doubled index, with indices beyond the count, and of 600 vouchers.
    function mint(uint256 seed, uint256 fault) public {
        if (batches.length > 24) return;
        _entropy = seed;
        (Leaf[] memory leaves, uint32 count) = _leaves(seed % 5);
        bytes32[] memory nodes = _tree(leaves);
        R.Mint memory m = R.Mint({
            brand: _brand(_pick(2)),
            root: fault % 16 == 1 ? bytes32(0) : nodes[0],
            count: fault % 16 == 2 ? 0 : count,
            expiresAt: fault % 16 == 3 ? uint40(block.timestamp) - 1 : uint40(block.timestamp + _pick(30 days)),
            termsHash: bytes32(_pick(4)),
            deadline: fault % 16 == 4 ? uint40(block.timestamp) - 1 : uint40(block.timestamp)
        });
        _mint(m, _pick(2), fault, leaves, nodes);
    }

    function _mint(R.Mint memory m, uint256 who, uint256 fault, Leaf[] memory leaves, bytes32[] memory nodes) private {
        address supplier = _supplier(who);
        bytes memory call = abi.encodeCall(registry.mint, (m));
        address sender = supplier;
        if (fault % 3 == 1) {
            (bytes32 r, bytes32 vs) = _sign(keyOf[supplier], _digest(_mintHash(m)));
            if (fault % 16 == 7) vs ^= bytes32(uint256(1) << 255); // some other supplier, or none
            supplier = _recover(_digest(_mintHash(m)), r, vs);
            call = abi.encodeCall(registry.mintFor, (m, r, vs));
            sender = address(0xcafe);
        }
        bytes8 id = _batchId(m, supplier);
        bytes memory expected = _mintFails(m, supplier, id);
        (bool ok, bytes memory answer) = _send(sender, call, expected);
        if (!ok || expected.length != 0) return;
        _check(1, abi.decode(answer, (bytes8)) == id && registry.batchIdOf(m, supplier) == id, "batch id");
        _remember(id, leaves, nodes);
    }

    function _leaves(uint256 kind) private returns (Leaf[] memory leaves, uint32 count) {
        uint256 n = kind == 1 ? 1 : 2 + _pick(7);
        uint32[8] memory far = [uint32(0), 599, 127, 128, 255, 256, 300, 383];
        leaves = new Leaf[](n);
        for (uint256 i = 0; i < n; ++i) {
            uint32 index = kind == 4 ? far[i] : uint32(i);
            if (kind == 2 && i == n - 1) index = 0; // doubled
            if (kind == 3 && i == n - 1) index = uint32(n + _pick(300)); // beyond
            leaves[i] = Leaf(index, _holder(_pick(6)), _pick(2) == 0 ? bytes32(0) : bytes32(_pick(9)));
        }
        count = kind == 4 ? 600 : kind == 3 ? uint32(n - 1) : uint32(n);
    }

    function revoke(uint256 seed, uint256 fault) external {
        _entropy = seed;
        Known storage batch = batches[_pick(batches.length)];
        uint32[] memory indices = new uint32[](_pick(4));
        bytes32[] memory names = new bytes32[](indices.length);
        for (uint256 i = 0; i < indices.length; ++i) {
            indices[i] = _pick(5) == 0 ? uint32(_pick(700)) : batch.leaves[_pick(batch.leaves.length)].index;
            names[i] = keccak256(abi.encode(batch.id, indices[i]));
        }
        address supplier = fault % 5 == 1 ? _holder(1) : batch.facts.supplier;
        bytes memory call = abi.encodeCall(registry.revoke, (batch.id, indices));
        address sender = supplier;
        bool late = false;
        if (fault % 2 == 0) {
            late = fault % 7 == 0;
            uint40 deadline = late ? uint40(block.timestamp) - 1 : uint40(block.timestamp);
            bytes32 digest = _digest(_revokeHash(batch.id, indices, deadline));
            (bytes32 r, bytes32 vs) = _sign(keyOf[supplier], digest);
            call = abi.encodeCall(registry.revokeFor, (batch.id, indices, deadline, r, vs));
            sender = address(0xcafe);
        }
        bytes memory expected = late
            ? abi.encodeWithSelector(R.DeadlinePassed.selector, uint40(block.timestamp) - 1)
            : _revokeFails(batch, supplier);
        R.Status[] memory predicted = _predictRevocations(batch.id, batch.facts.count, indices);
        _sendOps(sender, call, expected, predicted, names);
        _compare(batch);
    }

    function suspend(uint256 seed, uint256 fault) external {
        _entropy = seed;
        Known storage batch = batches[_pick(batches.length)];
        bool on = _pick(3) == 0;
        address brand = fault % 5 == 1 ? _holder(1) : batch.facts.brand;
        if (fault % 2 == 0) return _suspendFor(batch, on, brand, fault);
        bytes memory call =
            on ? abi.encodeCall(registry.suspend, (batch.id)) : abi.encodeCall(registry.resume, (batch.id));
        _send(brand, call, _suspendFails(batch, on, brand));
    }

    function _suspendFor(Known storage batch, bool on, address brand, uint256 fault) private {
        uint32 nonce = fault % 7 == 2 ? batch.facts.suspensions ^ 1 : batch.facts.suspensions;
        uint40 deadline = fault % 11 == 4 ? uint40(block.timestamp) - 1 : uint40(block.timestamp);
        (bytes32 r, bytes32 vs) = _sign(keyOf[brand], _digest(_suspendHash(batch.id, on, nonce, deadline)));
        bytes memory expected = _suspendFails(batch, on, brand);
        if (nonce != batch.facts.suspensions) {
            bytes4 selector = R.WrongSuspensionNonce.selector;
            expected = abi.encodeWithSelector(selector, batch.facts.suspensions, nonce);
        }
        if (deadline < block.timestamp) expected = abi.encodeWithSelector(R.DeadlinePassed.selector, deadline);
        _send(address(0xcafe), abi.encodeCall(registry.suspendFor, (batch.id, on, nonce, deadline, r, vs)), expected);
    }

    // -------------------------------------------------------------------------------------------- vouchers

    /// @dev One to four ops, each true or with one lie, plain or packed.
    function execute(uint256 seed, bool packed) public {
        _entropy = seed;
        R.Op[] memory ops = new R.Op[](1 + _pick(4));
        Packer.Entry[] memory entries = new Packer.Entry[](ops.length);
        for (uint256 i = 0; i < ops.length; ++i) {
            (ops[i], entries[i]) = _op(packed);
        }
        _execute(ops, entries, packed);
    }

    /// @dev An op that has executed before, in another call's clothes.
    function replay(uint256 seed, bool packed) external {
        if (_past.length == 0) return;
        _entropy = seed;
        R.Op[] memory ops = new R.Op[](2);
        ops[0] = ops[1] = _past[_pick(_past.length)];
        _execute(ops, new Packer.Entry[](2), packed);
    }

    function _execute(R.Op[] memory ops, Packer.Entry[] memory entries, bool packed) private {
        R.Status[] memory predicted = new R.Status[](ops.length);
        bytes32[] memory names = new bytes32[](ops.length);
        for (uint256 i = 0; i < ops.length; ++i) {
            predicted[i] = _predict(ops, i, predicted, entries[i].poison);
            names[i] = keccak256(abi.encode(ops[i].batchId, ops[i].index));
        }
        bytes memory call = packed
            ? abi.encodeCall(registry.executePacked, (Packer.pack(ops, entries)))
            : abi.encodeCall(registry.execute, (ops));
        _sendOps(address(0xcafe), call, "", predicted, names);
        for (uint256 i = 0; i < ops.length && _past.length < 40; ++i) {
            if (predicted[i] == R.Status.Executed) _past.push(ops[i]);
        }
        uint256 number = numberOf[ops[0].batchId];
        if (number != 0) _compare(batches[number - 1]);
    }

    function _op(bool packed) private returns (R.Op memory op, Packer.Entry memory entry) {
        Known storage batch = batches[_pick(batches.length)];
        uint256 position = _pick(batch.leaves.length);
        Leaf memory leaf = batch.leaves[position];
        VoucherModel memory voucher = vouchers[batch.id][leaf.index];
        op.kind = _pick(3) == 0 ? R.Kind.Redeem : R.Kind.Transfer;
        (op.batchId, op.index, op.nonce) = (batch.id, leaf.index, voucher.nonce);
        op.party = op.kind == R.Kind.Redeem ? _redeemer(_pick(2)) : _holder(_pick(6));
        op.deadline = uint40(block.timestamp + _pick(2) * 100);
        (op.contentHash, op.proof) = (leaf.content, _proof(batch.nodes, position));
        address holder = voucher.holder == address(0) ? leaf.claim : voucher.holder;
        uint256 lie = _pick(2) == 0 ? 0 : _pick(LIES);
        _falsify(op, batch, lie);
        _seal(op, keyOf[lie == 1 ? _holder(_pick(6)) : holder], lie);
        entry.nodes = batch.nodes;
        entry.position = position;
        if (voucher.nonce != 0 && _pick(2) == 0) {
            (op.contentHash, op.proof, entry.bare) = (0, new bytes32[](0), true);
        } else if (packed && lie < 8 && op.proof.length > 0) {
            entry.depth = batch.leaves.length >= 4 ? 1 + _pick(2) : 1;
            entry.poison = _pick(12) == 0;
        }
    }

    /// @dev Lies that are told before signing: the signature is good, what it says is not.
    function _falsify(R.Op memory op, Known storage batch, uint256 lie) private {
        if (lie == 2) op.nonce ^= uint32(1 << _pick(3));
        if (lie == 3) op.deadline = uint40(block.timestamp - 1);
        if (lie == 4) op.party = _pick(2) == 0 ? address(0) : _holder(_pick(6));
        if (lie == 5) op.index = uint32(_pick(2) == 0 ? _pick(700) : op.index ^ (1 << (7 + _pick(4))));
        if (lie == 6) op.contentHash ^= bytes32(uint256(1));
        if (lie == 8) op.proof = _proof(batches[_pick(batches.length)].nodes, 0); // perhaps of another batch
        if (lie == 9 && op.proof.length != 0) op.proof = _shorter(op.proof);
        if (lie == 10) op.proof = _longer(op.proof, batch.nodes[_pick(batch.nodes.length)]);
        if (lie == 11) op.batchId = _pick(2) == 0 ? bytes8(uint64(_pick(9))) : batches[_pick(batches.length)].id;
    }

    /// @dev Signs, and tells the lies that concern the signature.
    function _seal(R.Op memory op, uint256 key, uint256 lie) private {
        bytes32 digest = _digest(_moveHash(op));
        uint256 way = lie == 12 ? 1 + _pick(8) : 0;
        if (way == 1) {
            digest =
                keccak256(abi.encodePacked(hex"1901", _domain(block.chainid + 1, address(registry)), _moveHash(op)));
        }
        if (way == 2) {
            digest = keccak256(abi.encodePacked(hex"1901", _domain(block.chainid, address(this)), _moveHash(op)));
        }
        if (way == 3) {
            op.kind = op.kind == R.Kind.Redeem ? R.Kind.Transfer : R.Kind.Redeem;
            digest = _digest(_moveHash(op));
            op.kind = op.kind == R.Kind.Redeem ? R.Kind.Transfer : R.Kind.Redeem;
        }
        (op.r, op.vs) = _sign(key, digest);
        if (way == 4) op.vs = _malleated(op.vs);
        if (way == 5) (op.r, op.vs) = (0, 0);
        if (way == 6) op.r ^= bytes32(1 << _pick(256));
        if (way == 7) op.vs ^= bytes32(1 << _pick(256));
        if (way == 8) op.party = _holder(_pick(6)); // another receiver than the one signed for
    }

    /// @dev n - s with the other parity: the same signature, as everyone can make it.
    function _malleated(bytes32 vs) private pure returns (bytes32) {
        uint256 s = uint256(vs) & (type(uint256).max >> 1);
        return bytes32((N - s) | ((uint256(vs) >> 255) ^ 1) << 255);
    }

    function _shorter(bytes32[] memory proof) private returns (bytes32[] memory cut) {
        uint256 from = _pick(2);
        cut = new bytes32[](proof.length - 1);
        for (uint256 i = 0; i < cut.length; ++i) {
            cut[i] = proof[i + from];
        }
    }

    function _longer(bytes32[] memory proof, bytes32 node) private pure returns (bytes32[] memory grown) {
        grown = new bytes32[](proof.length + 1);
        for (uint256 i = 0; i < proof.length; ++i) {
            grown[i] = proof[i];
        }
        grown[proof.length] = node;
    }

    // ---------------------------------------------------------------------------------------------- at the end

    /// @dev All of the storage that a view shows, against the fold of all events.
    function target() external view returns (address) {
        return address(registry);
    }

    function compareAll() external {
        for (uint256 i = 0; i < batches.length; ++i) {
            _compareFacts(batches[i]);
            _compare(batches[i]);
        }
        for (uint256 i = 0; i < 4; ++i) {
            (address brand, address supplier, address redeemer) = (_brand(i / 2), _supplier(i), _redeemer(i));
            R.Authorization memory left = registry.supplierAuthorization(brand, supplier);
            R.Authorization memory model = granted[brand][supplier];
            _check(11, left.quota == model.quota && left.until == model.until, "quota and events differ");
            _check(12, registry.redeemerUntil(brand, redeemer) == redeemerUntil[brand][redeemer], "redeemer");
            _check(12, registry.brandOf(brand).admitted == admitted[brand], "brand");
        }
    }

    // ---------------------------------------------------------------------------------------------- people

    function _pick(uint256 below) private returns (uint256) {
        _entropy = uint256(keccak256(abi.encode(_entropy)));
        return _entropy % below;
    }

    function _brand(uint256 i) private returns (address) {
        return _key(0x2000 + i % 2);
    }

    function _supplier(uint256 i) private returns (address) {
        return _key(0x3000 + i % 2);
    }

    function _redeemer(uint256 i) private returns (address) {
        return _key(0x4000 + i % 2);
    }

    function _holder(uint256 i) private returns (address) {
        return _key(0x1000 + i % 6);
    }
}
