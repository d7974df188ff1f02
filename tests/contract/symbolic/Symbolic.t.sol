// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IVoucherRegistry as R} from "contracts/IVoucherRegistry.sol";
import {VoucherRegistry} from "contracts/VoucherRegistry.sol";

interface Cheats {
    function assume(bool condition) external pure;
}

interface SymbolicCheats {
    function createBytes32(string calldata name) external returns (bytes32);
}

/// @title What halmos proves for all inputs at once: one op with every field unknown, on a batch of unknown size
/// @dev keccak and ecrecover are unknown functions here, so whatever a signature or a leaf may be is covered.
contract Symbolic {
    Cheats private constant vm = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    SymbolicCheats private constant svm = SymbolicCheats(address(uint160(uint256(keccak256("svm cheat code")))));

    VoucherRegistry private _registry;
    bytes8 private _id;

    function setUp() public {
        _registry = new VoucherRegistry(address(this));
        _registry.admitBrand(address(this), "", "", 0);
        _registry.authorizeSupplier(address(this), type(uint64).max, type(uint40).max);
        _registry.authorizeRedeemer(address(0xbeef), type(uint40).max);
        R.Mint memory m = R.Mint(address(this), _root(), 1_000, type(uint40).max, 0, type(uint40).max);
        _id = _registry.mint(m);
    }

    /// @dev Unknown as well, or no leaf could ever be in it.
    function _root() private returns (bytes32 root) {
        root = svm.createBytes32("root");
        vm.assume(root != 0);
    }

    function _op(R.Kind kind, uint32 index, address party, uint32 nonce, bytes32 r, bytes32 vs)
        private
        view
        returns (R.Op[] memory ops)
    {
        ops = new R.Op[](1);
        (ops[0].kind, ops[0].batchId, ops[0].index, ops[0].party) = (kind, _id, index, party);
        (ops[0].nonce, ops[0].deadline, ops[0].r, ops[0].vs) = (nonce, type(uint40).max, r, vs);
    }

    /// @dev Invariant 3, on the bitmaps: revoking one voucher changes no other, of whatever index.
    function check_RevokingOneChangesNoOther(uint32 index, uint32 other) public {
        vm.assume(index != other);
        uint32[] memory indices = new uint32[](1);
        indices[0] = index;
        _registry.revoke(_id, indices);
        R.State state = _registry.voucherOf(_id, other).state;
        assert(state == (other < 1_000 ? R.State.Sealed : R.State.Unknown));
    }

    /// @dev Invariant 2: after any two revocations, a voucher revoked first is revoked still.
    function check_RevokedStaysRevoked(uint32 index, uint32 other) public {
        vm.assume(index < 1_000);
        uint32[] memory indices = new uint32[](2);
        (indices[0], indices[1]) = (index, other);
        _registry.revoke(_id, indices);
        assert(_registry.voucherOf(_id, index).state == R.State.Revoked);
    }

    /// @dev Invariant 3, for ops: one op changes no other voucher.
    function check_OneOpChangesNoOther(bool redeem, uint32 index, uint32 other, address party, bytes32 r, bytes32 vs)
        public
    {
        vm.assume(index != other);
        _registry.execute(_op(redeem ? R.Kind.Redeem : R.Kind.Transfer, index, party, 0, r, vs));
        R.State state = _registry.voucherOf(_id, other).state;
        assert(state == (other < 1_000 ? R.State.Sealed : R.State.Unknown));
    }

    /// @dev Invariants 2 and 6: what was revoked executes nothing, whoever signs whatever.
    function check_NothingExecutesAfterTheEnd(
        bool redeem,
        uint32 index,
        address party,
        uint32 nonce,
        bytes32 r,
        bytes32 vs
    ) public {
        vm.assume(index < 1_000);
        uint32[] memory indices = new uint32[](1);
        indices[0] = index;
        _registry.revoke(_id, indices);
        R.Status status =
            _registry.execute(_op(redeem ? R.Kind.Redeem : R.Kind.Transfer, index, party, nonce, r, vs))[0];
        assert(status != R.Status.Executed);
        assert(_registry.voucherOf(_id, index).state == R.State.Revoked);
    }

    /// @dev Invariants 4 and 6, the holder rule: after a transfer, only the receiver's signature moves the voucher.
    function check_OnlyTheHolderMovesAHeldVoucher(
        uint32 index,
        address holder,
        address party,
        uint32 nonce,
        bytes32[4] calldata signatures
    ) public {
        R.Status first = _registry.execute(_op(R.Kind.Transfer, index, holder, 0, signatures[0], signatures[1]))[0];
        vm.assume(first == R.Status.Executed);
        R.Op[] memory ops = _op(R.Kind.Transfer, index, party, nonce, signatures[2], signatures[3]);
        R.Status second = _registry.execute(ops)[0];
        if (second == R.Status.Executed) {
            assert(_signer(ops[0]) == holder && nonce == 1);
            assert(_registry.voucherOf(_id, index).holder == party);
        } else {
            assert(_registry.voucherOf(_id, index).holder == holder);
        }
    }

    function _signer(R.Op memory op) private view returns (address) {
        bytes32 typehash = keccak256("Transfer(bytes8 batchId,uint32 index,address to,uint32 nonce,uint40 deadline)");
        bytes32 inner = keccak256(abi.encode(typehash, op.batchId, op.index, op.party, op.nonce, op.deadline));
        (, string memory name, string memory version, uint256 chain, address verifier,,) = _registry.eip712Domain();
        bytes32 kind = keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        bytes32 domain = keccak256(abi.encode(kind, keccak256(bytes(name)), keccak256(bytes(version)), chain, verifier));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, inner));
        uint256 s = uint256(op.vs) & (type(uint256).max >> 1);
        return ecrecover(digest, uint8(uint256(op.vs) >> 255) + 27, op.r, bytes32(s));
    }
}
