// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {MerkleProofLib} from "solady/src/utils/MerkleProofLib.sol";
import {BatchLedger} from "./BatchLedger.sol";
import {BrandDirectory} from "./BrandDirectory.sol";
import {IVoucherRegistry} from "./IVoucherRegistry.sol";
import {PackedOps} from "./PackedOps.sol";
import {Statements} from "./Statements.sol";

/// @title The rules of protocol.md, 5. The interface says what each call means; this file says only how.
/// @notice No proxy, no payable function, no call to another contract: what is deployed is what stays.
/// Directory and batches are inherited; here vouchers are transferred, redeemed and shown.
contract VoucherRegistry is BatchLedger {
    // Times are minutes to years; the seconds that a block's proposer may shift change nothing.
    // slither-disable-start timestamp

    /// @param admin appoints registrars, and is the first of them
    constructor(address admin) BrandDirectory(admin) EIP712("VoucherRegistry", "1") {}

    /// @inheritdoc IVoucherRegistry
    function execute(Op[] calldata ops) external returns (Status[] memory statuses) {
        statuses = new Status[](ops.length);
        bytes32 domain = _domainSeparatorV4();
        for (uint256 i = 0; i < ops.length; ++i) {
            Op calldata op = ops[i];
            Statements.Move memory move =
                Statements.Move(Statements.typehash(op.kind), op.batchId, op.index, op.party, op.nonce, op.deadline);
            bytes32 root = _records[op.batchId].facts.root;
            PackedOps.Evidence memory evidence = PackedOps.Evidence(op.r, op.vs, op.contentHash, root);
            statuses[i] = _execute(domain, i, move, evidence, op.proof);
        }
    }

    /// @inheritdoc IVoucherRegistry
    function executePacked(bytes calldata data) external returns (Status[] memory statuses) {
        (PackedOps.Anchors[] memory batches, uint256 count, uint256 cursor) = PackedOps.readHeader(data);
        for (uint256 i = 0; i < batches.length; ++i) {
            _authenticate(batches[i]);
        }
        statuses = new Status[](count);
        bytes32 domain = _domainSeparatorV4();
        // Memory structs start as zeros, and readOp writes every field that counts.
        // slither-disable-next-line uninitialized-local
        Statements.Move memory move;
        // slither-disable-next-line uninitialized-local
        PackedOps.Evidence memory evidence;
        for (uint256 i = 0; i < count; ++i) {
            bytes32[] calldata proof;
            (proof, cursor) = PackedOps.readOp(data, cursor, batches, move, evidence);
            statuses[i] = _execute(domain, i, move, evidence, proof);
        }
        if (cursor != data.length) revert MalformedOps();
    }

    /// @dev Leaves only nodes that hash to the batch's root; zero, the others' place, is the end of no proof.
    function _authenticate(PackedOps.Anchors memory batch) private view {
        bytes32 root = _records[batch.batchId].facts.root;
        if (batch.nodes.length == 0) {
            batch.nodes = new bytes32[](1);
            batch.nodes[0] = root;
        } else if (batch.root != root) {
            batch.nodes = new bytes32[](batch.nodes.length);
        }
    }

    /// @dev Guard, prove, record, emit. Nothing is written before the last check.
    function _execute(
        bytes32 domain,
        uint256 position,
        Statements.Move memory move,
        PackedOps.Evidence memory evidence,
        bytes32[] calldata proof
    ) private returns (Status status) {
        Record storage batch = _records[move.batchId];
        (uint256 holding, uint256 spent) = _read(batch, move.index);
        status = _guard(batch.facts, move, holding, spent);
        if (status == Status.Executed) status = _prove(domain, move, evidence, proof, address(uint160(holding)));
        if (status != Status.Executed) {
            emit Refused(move.batchId, move.index, position, status);
        } else if (move.typehash == Statements.TRANSFER) {
            batch.holdings[move.index] = uint160(move.party) | uint256(move.nonce + 1) << 160;
            emit Transferred(move.batchId, move.index, move.party);
        } else {
            if (holding != 0) batch.holdings[move.index] = holding | HELD_REDEEMED;
            else batch.spent[move.index >> 7] = spent | 1 << (move.index & 127);
            emit Redeemed(move.batchId, move.index, move.party);
        }
    }

    /// @dev What refuses a move whoever signed it.
    function _guard(Batch storage facts, Statements.Move memory move, uint256 holding, uint256 spent)
        private
        view
        returns (Status)
    {
        (address brand, uint32 count, uint40 expiresAt, bool suspended) =
            (facts.brand, facts.count, facts.expiresAt, facts.suspended);
        if (count == 0) return Status.UnknownBatch;
        if (move.index >= count) return Status.IndexOutOfRange;
        if (move.deadline < block.timestamp) return Status.DeadlinePassed;
        if (_redeemed(holding, spent, move.index)) return Status.AlreadyRedeemed;
        if (_revoked(spent, move.index)) return Status.AlreadyRevoked;
        if (expiresAt < block.timestamp) return Status.BatchExpired;
        if (move.typehash == Statements.REDEEM) {
            if (suspended) return Status.BatchSuspended;
            if (!_admitted(brand)) return Status.BrandNotAdmitted;
            if (redeemerUntil(brand, move.party) < block.timestamp) return Status.RedeemerNotAuthorized;
        }
        if (move.nonce != uint32(holding >> 160)) return Status.WrongNonce;
        if (move.party == address(0)) return Status.InvalidRecipient;
        return Status.Executed;
    }

    /// @dev Whether the signature is the holder's. While the voucher is sealed (`holder` is zero), the holder is whoever
    /// is in a leaf of the batch with this index and content hash.
    function _prove(
        bytes32 domain,
        Statements.Move memory move,
        PackedOps.Evidence memory evidence,
        bytes32[] calldata proof,
        address holder
    ) private pure returns (Status) {
        bytes32 digest = MessageHashUtils.toTypedDataHash(domain, Statements.hash(move));
        // The third value only details the fault.
        // slither-disable-next-line unused-return
        (address signer, ECDSA.RecoverError fault,) = ECDSA.tryRecover(digest, evidence.r, evidence.vs);
        if (fault != ECDSA.RecoverError.NoError) return Status.InvalidSignature;
        if (holder != address(0)) return signer == holder ? Status.Executed : Status.NotHolder;
        bytes32 leaf = PackedOps.leaf(move.index, signer, evidence.contentHash);
        return MerkleProofLib.verifyCalldata(proof, evidence.anchor, leaf) ? Status.Executed : Status.NotInBatch;
    }

    /// @inheritdoc IVoucherRegistry
    function voucherOf(bytes8 batchId, uint32 index) public view returns (Voucher memory voucher) {
        Record storage batch = _records[batchId];
        Batch storage facts = batch.facts;
        (uint256 holding, uint256 spent) = _read(batch, index);
        (voucher.holder, voucher.nonce) = (address(uint160(holding)), uint32(holding >> 160));
        (voucher.suspended, voucher.expiresAt) = (facts.suspended, facts.expiresAt);
        (voucher.brand, voucher.supplier) = (facts.brand, facts.supplier);
        voucher.brandAdmitted = _admitted(facts.brand);
        if (index >= facts.count) voucher.state = State.Unknown;
        else if (_redeemed(holding, spent, index)) voucher.state = State.Redeemed;
        else if (_revoked(spent, index)) voucher.state = State.Revoked;
        else voucher.state = holding == 0 ? State.Sealed : State.Held;
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

    // slither-disable-end timestamp
}
