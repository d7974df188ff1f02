// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {BrandDirectory} from "./BrandDirectory.sol";
import {IVoucherRegistry} from "./IVoucherRegistry.sol";
import {Statements} from "./Statements.sol";

/// @title The rules of protocol.md, 5. The interface says what each call means; this file says only how.
/// @notice No proxy, no payable function, no call to another contract: what is deployed is what stays.
contract VoucherRegistry is BrandDirectory, EIP712 {
    /// @dev Who holds a voucher that has moved, and how often it has. All zero while it is sealed.
    struct Holding {
        address holder;
        uint32 nonce;
    }

    mapping(bytes8 batchId => Batch) private _batches;
    mapping(bytes8 batchId => mapping(uint32 index => Holding)) private _holdings;
    /// @dev Two bitmaps in one word, so that one read answers both: voucher i has bit i%128 of word i/128 for
    /// "redeemed" and the bit 128 places higher for "revoked".
    mapping(bytes8 batchId => mapping(uint256 word => uint256)) private _spent;

    /// @param admin appoints registrars, and is the first of them
    constructor(address admin) BrandDirectory(admin) EIP712("VoucherRegistry", "1") {}

    // ---------------------------------------------------------------------------------------------- batches

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
                abi.encode(
                    block.chainid, address(this), m.brand, supplier, m.root, m.count, m.expiresAt, m.termsHash
                )
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
    function suspendFor(bytes8 batchId, bool suspended, uint32 nonce, uint40 deadline, bytes32 r, bytes32 vs)
        external
    {
        if (deadline < block.timestamp) revert DeadlinePassed(deadline);
        uint32 expected = _batches[batchId].suspensions;
        if (nonce != expected) revert WrongSuspensionNonce(expected, nonce);
        _suspend(batchId, suspended, _signer(Statements.hashSuspend(batchId, suspended, nonce, deadline), r, vs));
    }

    function _mint(Mint calldata m, address supplier) private returns (bytes8 batchId) {
        if (m.deadline < block.timestamp) revert DeadlinePassed(m.deadline);
        if (m.count == 0) revert EmptyBatch();
        if (m.root == 0) revert ZeroRoot();
        if (m.expiresAt < block.timestamp) revert TimeInPast(m.expiresAt);
        batchId = batchIdOf(m, supplier);
        Batch storage batch = _batches[batchId];
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
        if (supplier != _batches[batchId].supplier) revert NotBatchSupplier(supplier);
        statuses = new Status[](indices.length);
        for (uint256 i = 0; i < indices.length; ++i) {
            statuses[i] = _revokeOne(batchId, indices[i]);
            if (statuses[i] == Status.Executed) emit Revoked(batchId, indices[i], supplier);
            else emit Refused(batchId, indices[i], i, statuses[i]);
        }
    }

    function _revokeOne(bytes8 batchId, uint32 index) private returns (Status) {
        if (index >= _batches[batchId].count) return Status.IndexOutOfRange;
        (bool redeemed, bool revoked) = _spentBits(batchId, index);
        if (redeemed) return Status.AlreadyRedeemed;
        if (revoked) return Status.AlreadyRevoked;
        if (_holdings[batchId][index].holder != address(0)) return Status.NotSealed;
        _spent[batchId][index >> 7] |= 1 << (128 + (index & 127));
        return Status.Executed;
    }

    function _suspend(bytes8 batchId, bool suspended, address brand) private {
        _requireBatch(batchId);
        Batch storage batch = _batches[batchId];
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

    // --------------------------------------------------------------------------------------------- vouchers

    /// @inheritdoc IVoucherRegistry
    function execute(Op[] calldata ops) external returns (Status[] memory statuses) {
        statuses = new Status[](ops.length);
        for (uint256 i = 0; i < ops.length; ++i) {
            Op calldata op = ops[i];
            statuses[i] = _execute(op);
            if (statuses[i] != Status.Executed) emit Refused(op.batchId, op.index, i, statuses[i]);
        }
    }

    /// @dev Guard, prove, record, emit. Nothing is written before the last check.
    function _execute(Op calldata op) private returns (Status status) {
        status = _guard(op);
        if (status != Status.Executed) return status;
        Holding storage holding = _holdings[op.batchId][op.index];
        if (op.nonce != holding.nonce) return Status.WrongNonce;
        if (op.party == address(0)) return Status.InvalidRecipient;
        status = _prove(op, holding.holder);
        if (status != Status.Executed) return status;
        if (op.kind == Kind.Transfer) {
            (holding.holder, holding.nonce) = (op.party, op.nonce + 1);
            emit Transferred(op.batchId, op.index, op.party);
        } else {
            _spent[op.batchId][op.index >> 7] |= 1 << (op.index & 127);
            emit Redeemed(op.batchId, op.index, op.party);
        }
    }

    /// @dev What refuses an op whoever signed it.
    function _guard(Op calldata op) private view returns (Status) {
        Batch storage batch = _batches[op.batchId];
        uint32 count = batch.count;
        if (count == 0) return Status.UnknownBatch;
        if (op.index >= count) return Status.IndexOutOfRange;
        if (op.deadline < block.timestamp) return Status.DeadlinePassed;
        (bool redeemed, bool revoked) = _spentBits(op.batchId, op.index);
        if (redeemed) return Status.AlreadyRedeemed;
        if (revoked) return Status.AlreadyRevoked;
        if (batch.expiresAt < block.timestamp) return Status.BatchExpired;
        if (op.kind == Kind.Transfer) return Status.Executed;
        if (batch.suspended) return Status.BatchSuspended;
        if (!_admitted(batch.brand)) return Status.BrandNotAdmitted;
        if (redeemerUntil(batch.brand, op.party) < block.timestamp) return Status.RedeemerNotAuthorized;
        return Status.Executed;
    }

    /// @dev Whether the signature is the holder's. While the voucher is sealed, the holder is whoever is in a leaf of the
    /// batch with this index and content hash.
    function _prove(Op calldata op, address holder) private view returns (Status) {
        bytes32 digest = _hashTypedDataV4(
            Statements.hash(op.kind, op.batchId, op.index, op.party, op.nonce, op.deadline)
        );
        (address signer, ECDSA.RecoverError fault,) = ECDSA.tryRecover(digest, op.r, op.vs);
        if (fault != ECDSA.RecoverError.NoError) return Status.InvalidSignature;
        if (holder != address(0)) return signer == holder ? Status.Executed : Status.NotHolder;
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(uint256(op.index), signer, op.contentHash))));
        bool member = MerkleProof.verifyCalldata(op.proof, _batches[op.batchId].root, leaf);
        return member ? Status.Executed : Status.NotInBatch;
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IVoucherRegistry
    function batchOf(bytes8 batchId) external view returns (Batch memory) {
        return _batches[batchId];
    }

    /// @inheritdoc IVoucherRegistry
    function voucherOf(bytes8 batchId, uint32 index) public view returns (Voucher memory voucher) {
        Batch storage batch = _batches[batchId];
        Holding storage holding = _holdings[batchId][index];
        voucher.state = _stateOf(batchId, index);
        (voucher.holder, voucher.nonce) = (holding.holder, holding.nonce);
        (voucher.suspended, voucher.expiresAt) = (batch.suspended, batch.expiresAt);
        (voucher.brand, voucher.supplier) = (batch.brand, batch.supplier);
        voucher.brandAdmitted = _admitted(batch.brand);
    }

    /// @inheritdoc IVoucherRegistry
    function vouchersOf(bytes8[] calldata batchIds, uint32[] calldata indices)
        external
        view
        returns (Voucher[] memory vouchers)
    {
        if (batchIds.length != indices.length) revert LengthsDiffer(batchIds.length, indices.length);
        vouchers = new Voucher[](indices.length);
        for (uint256 i = 0; i < indices.length; ++i) {
            vouchers[i] = voucherOf(batchIds[i], indices[i]);
        }
    }

    /// @notice ERC-165: this interface, access control and ERC-165 itself.
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(IVoucherRegistry).interfaceId || super.supportsInterface(interfaceId);
    }

    function _stateOf(bytes8 batchId, uint32 index) private view returns (State) {
        if (index >= _batches[batchId].count) return State.Unknown;
        (bool redeemed, bool revoked) = _spentBits(batchId, index);
        if (redeemed) return State.Redeemed;
        if (revoked) return State.Revoked;
        return _holdings[batchId][index].holder == address(0) ? State.Sealed : State.Held;
    }

    function _spentBits(bytes8 batchId, uint32 index) private view returns (bool redeemed, bool revoked) {
        uint256 bits = _spent[batchId][index >> 7] >> (index & 127);
        return (bits & 1 != 0, bits >> 128 & 1 != 0);
    }

    function _requireBatch(bytes8 batchId) private view {
        if (_batches[batchId].count == 0) revert UnknownBatch(batchId);
    }

    function _signer(bytes32 structHash, bytes32 r, bytes32 vs) private view returns (address signer) {
        ECDSA.RecoverError fault;
        (signer, fault,) = ECDSA.tryRecover(_hashTypedDataV4(structHash), r, vs);
        if (fault != ECDSA.RecoverError.NoError) revert InvalidSignature();
    }
}
