// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {BrandDirectory} from "./BrandDirectory.sol";
import {IVoucherRegistry} from "./IVoucherRegistry.sol";
import {Statements} from "./Statements.sol";

/// @title What suppliers and brands do to batches: mint, revoke, suspend. Moves no voucher.
/// @dev Owns the storage of batches and vouchers, and says where each voucher's bits are.
abstract contract BatchLedger is BrandDirectory, EIP712 {
    // Times are minutes to years; the seconds that a block's proposer may shift change nothing.
    // slither-disable-start timestamp

    /// @dev All there is of one batch.
    ///
    /// A voucher that has moved has one slot in `holdings`: its holder (160 bits), its nonce (32 bits), and whether it was
    /// redeemed (bit 192). A voucher that has never moved has zero there, and two bits in `spent`: redeemed, bit i%128
    /// of word i/128, and revoked, the bit 128 places higher. So every voucher has its bits in one place, what is read
    /// to judge an op is what is written by it, and redeeming a voucher that has moved costs no new slot.
    struct Record {
        Batch facts;
        mapping(uint256 index => uint256) holdings;
        mapping(uint256 word => uint256) spent;
    }

    uint256 internal constant HELD_REDEEMED = 1 << 192;

    mapping(bytes8 batchId => Record) internal _records;

    /// @inheritdoc IVoucherRegistry
    function mint(Mint calldata m) external returns (bytes8) {
        return _mint(m, msg.sender);
    }

    /// @inheritdoc IVoucherRegistry
    function mintFor(Mint calldata m, bytes32 r, bytes32 vs) external returns (bytes8) {
        return _mint(m, _signer(Statements.hash(m), r, vs));
    }

    /// @inheritdoc IVoucherRegistry
    function batchIdOf(Mint calldata m, address supplier) public view returns (bytes8) {
        return bytes8(
            keccak256(
                abi.encode(block.chainid, address(this), m.brand, supplier, m.root, m.count, m.expiresAt, m.termsHash)
            )
        );
    }

    /// @inheritdoc IVoucherRegistry
    function revoke(bytes8 batchId, uint32[] calldata indices) external returns (Status[] memory) {
        return _revoke(batchId, indices, msg.sender);
    }

    /// @inheritdoc IVoucherRegistry
    function revokeFor(bytes8 batchId, uint32[] calldata indices, uint40 deadline, bytes32 r, bytes32 vs)
        external
        returns (Status[] memory)
    {
        if (deadline < block.timestamp) revert DeadlinePassed(deadline);
        return _revoke(batchId, indices, _signer(Statements.hashRevoke(batchId, indices, deadline), r, vs));
    }

    /// @inheritdoc IVoucherRegistry
    function suspend(bytes8 batchId) external {
        _suspend(batchId, true, msg.sender);
    }

    /// @inheritdoc IVoucherRegistry
    function resume(bytes8 batchId) external {
        _suspend(batchId, false, msg.sender);
    }

    /// @inheritdoc IVoucherRegistry
    function suspendFor(bytes8 batchId, bool suspended, uint32 nonce, uint40 deadline, bytes32 r, bytes32 vs) external {
        if (deadline < block.timestamp) revert DeadlinePassed(deadline);
        uint32 expected = _records[batchId].facts.suspensions;
        if (nonce != expected) revert WrongSuspensionNonce(expected, nonce);
        _suspend(batchId, suspended, _signer(Statements.hashSuspend(batchId, suspended, nonce, deadline), r, vs));
    }

    function _mint(Mint calldata m, address supplier) private returns (bytes8 batchId) {
        if (m.deadline < block.timestamp) revert DeadlinePassed(m.deadline);
        if (m.count == 0) revert EmptyBatch();
        if (m.root == 0) revert ZeroRoot();
        if (m.expiresAt < block.timestamp) revert TimeInPast(m.expiresAt);
        batchId = batchIdOf(m, supplier);
        Batch storage batch = _records[batchId].facts;
        if (batch.count != 0) revert BatchTaken(batchId);
        _spendQuota(m.brand, supplier, m.count);
        batch.root = m.root;
        (batch.brand, batch.count, batch.expiresAt) = (m.brand, m.count, m.expiresAt);
        batch.supplier = supplier;
        batch.termsHash = m.termsHash;
        emit Minted(batchId, m.brand, supplier, m.root, m.count, m.expiresAt, m.termsHash);
    }

    function _revoke(bytes8 batchId, uint32[] calldata indices, address supplier)
        private
        returns (Status[] memory statuses)
    {
        _requireBatch(batchId);
        if (supplier != _records[batchId].facts.supplier) revert NotBatchSupplier(supplier);
        statuses = new Status[](indices.length);
        for (uint256 i = 0; i < indices.length; ++i) {
            statuses[i] = _revokeOne(batchId, indices[i]);
            if (statuses[i] == Status.Executed) emit Revoked(batchId, indices[i], supplier);
            else emit Refused(batchId, indices[i], i, statuses[i]);
        }
    }

    function _revokeOne(bytes8 batchId, uint32 index) private returns (Status) {
        Record storage batch = _records[batchId];
        if (index >= batch.facts.count) return Status.IndexOutOfRange;
        (uint256 holding, uint256 spent) = _read(batch, index);
        if (_redeemed(holding, spent, index)) return Status.AlreadyRedeemed;
        if (_revoked(spent, index)) return Status.AlreadyRevoked;
        if (holding != 0) return Status.NotSealed;
        batch.spent[index >> 7] = spent | 1 << (128 + (index & 127));
        return Status.Executed;
    }

    function _suspend(bytes8 batchId, bool suspended, address brand) private {
        _requireBatch(batchId);
        Batch storage batch = _records[batchId].facts;
        if (brand != batch.brand) revert NotBatchBrand(brand);
        if (suspended == batch.suspended) {
            if (suspended) revert AlreadySuspended(batchId);
            revert NotSuspended(batchId);
        }
        batch.suspended = suspended;
        ++batch.suspensions;
        if (suspended) emit Suspended(batchId, brand);
        else emit Resumed(batchId, brand);
    }

    /// @inheritdoc IVoucherRegistry
    function batchOf(bytes8 batchId) external view returns (Batch memory) {
        return _records[batchId].facts;
    }

    /// @dev A voucher's slot if it has moved, else the word with its bits (see Record); the other is zero.
    function _read(Record storage batch, uint32 index) internal view returns (uint256 holding, uint256 spent) {
        holding = batch.holdings[index];
        if (holding == 0) spent = batch.spent[index >> 7];
    }

    function _redeemed(uint256 holding, uint256 spent, uint32 index) internal pure returns (bool) {
        return holding & HELD_REDEEMED | spent >> (index & 127) & 1 != 0;
    }

    function _revoked(uint256 spent, uint32 index) internal pure returns (bool) {
        return spent >> (128 + (index & 127)) & 1 != 0;
    }

    function _requireBatch(bytes8 batchId) private view {
        if (_records[batchId].facts.count == 0) revert UnknownBatch(batchId);
    }

    function _signer(bytes32 structHash, bytes32 r, bytes32 vs) private view returns (address signer) {
        ECDSA.RecoverError fault;
        // The third value only details the fault.
        // slither-disable-next-line unused-return
        (signer, fault,) = ECDSA.tryRecover(_hashTypedDataV4(structHash), r, vs);
        if (fault != ECDSA.RecoverError.NoError) revert InvalidSignature();
    }

    // slither-disable-end timestamp
}
