// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Voucher registry: who may mint, what was minted, who holds it, what was redeemed
/// @notice Read this file first. Times are Unix seconds by the chain's clock; each is the last second in which the thing is
/// still valid. A voucher is named by (batchId, index). Signatures are EIP-712 under the domain
/// ("VoucherRegistry", "1", chainid, this contract), in the compact form of EIP-2098.
interface IVoucherRegistry {
    // ------------------------------------------------------------------------------------------------ types

    /// @notice What a brand has told the world about itself.
    struct Brand {
        bool admitted;
        string name;
        string url;
        bytes32 licenceHash;
    }

    /// @notice A supplier's authorisation by one brand: vouchers it may still mint, and until when.
    struct Authorization {
        uint64 quota;
        uint40 until;
    }

    /// @notice A batch. Only `suspended` and `suspensions` ever change.
    struct Batch {
        bytes32 root;
        address brand;
        uint32 count;
        uint40 expiresAt;
        bool suspended;
        address supplier;
        uint32 suspensions;
        bytes32 termsHash;
    }

    /// @notice Mint(address brand,bytes32 root,uint32 count,uint40 expiresAt,bytes32 termsHash,uint40 deadline)
    struct Mint {
        address brand;
        bytes32 root;
        uint32 count;
        uint40 expiresAt;
        bytes32 termsHash;
        uint40 deadline;
    }

    enum Kind {
        Transfer,
        Redeem
    }

    /// @notice What became of one op. The order is the order in which the checks are made.
    enum Status {
        Executed,
        UnknownBatch,
        IndexOutOfRange,
        DeadlinePassed,
        AlreadyRedeemed,
        AlreadyRevoked,
        BatchExpired,
        BatchSuspended,
        BrandNotAdmitted,
        RedeemerNotAuthorized,
        WrongNonce,
        InvalidRecipient,
        InvalidSignature,
        NotHolder, // the signer is not the current holder
        NotInBatch, // first use: signer and content hash are no leaf of this batch
        NotSealed // revocation only: the voucher was transferred
    }

    enum State {
        Unknown, // no such batch, or index >= count
        Sealed,
        Held,
        Redeemed,
        Revoked
    }

    /// @notice Everything about one voucher, in one answer. `holder` is zero while sealed (the holder is then the leaf's
    /// claim address, which is in the certificate and not on the chain).
    struct Voucher {
        State state;
        address holder;
        uint32 nonce;
        bool suspended;
        bool brandAdmitted;
        uint40 expiresAt;
        address brand;
        address supplier;
    }

    // ----------------------------------------------------------------------------------------------- events

    event BrandAdmitted(address indexed brand, string name, string url, bytes32 licenceHash);
    event BrandSuspended(address indexed brand);
    event SupplierAuthorized(address indexed brand, address indexed supplier, uint64 quota, uint40 until);
    event SupplierWithdrawn(address indexed brand, address indexed supplier);
    event RedeemerAuthorized(address indexed brand, address indexed redeemer, uint40 until);
    event RedeemerWithdrawn(address indexed brand, address indexed redeemer);

    event Minted(
        bytes8 indexed batchId,
        address indexed brand,
        address indexed supplier,
        bytes32 root,
        uint32 count,
        uint40 expiresAt,
        bytes32 termsHash
    );
    event Transferred(bytes8 indexed batchId, uint32 indexed index, address indexed to);
    event Redeemed(bytes8 indexed batchId, uint32 indexed index, address indexed redeemer);
    event Revoked(bytes8 indexed batchId, uint32 indexed index, address indexed supplier);
    event Suspended(bytes8 indexed batchId, address indexed brand);
    event Resumed(bytes8 indexed batchId, address indexed brand);

    /// @notice An op (or a revocation of one voucher) that changed nothing, and why. `position` counts from 0 within the call.
    event Refused(bytes8 indexed batchId, uint32 indexed index, uint256 position, Status status);

    // ----------------------------------------------------------------------------------------------- errors

    error BrandNotAdmitted_(address brand);
    error SupplierNotAuthorized(address brand, address supplier);
    error QuotaExceeded(uint64 quota, uint32 count);
    error EmptyBatch();
    error ZeroRoot();
    error ZeroAddress();
    error TimeInPast(uint40 time);
    error DeadlinePassed_(uint40 deadline);
    error InvalidSignature_();
    error BatchTaken(bytes8 batchId);
    error UnknownBatch_(bytes8 batchId);
    error NotBatchSupplier(address caller);
    error NotBatchBrand(address caller);
    error WrongSuspensionNonce(uint32 expected, uint32 given);
    error AlreadySuspended(bytes8 batchId);
    error NotSuspended(bytes8 batchId);
}
