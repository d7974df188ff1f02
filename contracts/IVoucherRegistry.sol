// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Voucher registry: who may mint, what was minted, who holds it, what was redeemed
/// @notice Read this file first. Times are Unix seconds by the chain's clock; each is the last second in which the
/// thing is still valid. A voucher is named by (batchId, index). Signatures are EIP-712 under the domain
/// ("VoucherRegistry", "1", chainid, this contract), in the compact form of EIP-2098 (r, vs).
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

    /// @notice A batch. Only `suspended` and `suspensions` (how often it was suspended or resumed) ever change.
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

    /// @notice What a supplier signs to mint a batch:
    /// Mint(address brand,bytes32 root,uint32 count,uint40 expiresAt,bytes32 termsHash,uint40 deadline)
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

    /// @notice What a holder signs, with what is needed to check it. `party` is the receiver of a transfer, the
    /// redeemer of a redemption; `nonce` is the number of transfers so far. The holder is recovered from (r, vs):
    /// Transfer(bytes8 batchId,uint32 index,address to,uint32 nonce,uint40 deadline)
    /// Redeem(bytes8 batchId,uint32 index,address redeemer,uint32 nonce,uint40 deadline)
    /// `contentHash` and `proof` are read only while the voucher is sealed; afterwards they may be zero and empty.
    struct Op {
        Kind kind;
        bytes8 batchId;
        uint32 index;
        address party;
        uint32 nonce;
        uint40 deadline;
        bytes32 r;
        bytes32 vs;
        bytes32 contentHash;
        bytes32[] proof;
    }

    /// @notice What became of one op. The order is the order in which the checks are made.
    enum Status {
        Executed,
        UnknownBatch,
        IndexOutOfRange,
        DeadlinePassed,
        AlreadyRedeemed,
        AlreadyRevoked,
        BatchExpired, // transfers and redemptions
        BatchSuspended, // redemptions only
        BrandNotAdmitted, // redemptions only
        RedeemerNotAuthorized, // redemptions only
        WrongNonce,
        InvalidRecipient, // transfer to the zero address
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

    /// @notice Everything about one voucher, in one answer. `holder` is zero while sealed (the holder is then the
    /// leaf's claim address, which is in the certificate and not on the chain).
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

    /// @notice A registrar admitted a brand, admitted it again, or changed what is said about it.
    event BrandAdmitted(address indexed brand, string name, string url, bytes32 licenceHash);
    /// @notice A registrar took the admission back: no minting, no redeeming until it is admitted again.
    event BrandSuspended(address indexed brand);
    /// @notice The supplier may mint `quota` vouchers from now on, until `until`. Replaces what was granted before.
    event SupplierAuthorized(address indexed brand, address indexed supplier, uint64 quota, uint40 until);
    /// @notice The supplier may mint nothing more for this brand.
    event SupplierWithdrawn(address indexed brand, address indexed supplier);
    /// @notice The redeemer may redeem this brand's vouchers until `until`. Replaces what was granted before.
    event RedeemerAuthorized(address indexed brand, address indexed redeemer, uint40 until);
    /// @notice The redeemer may redeem none of this brand's vouchers.
    event RedeemerWithdrawn(address indexed brand, address indexed redeemer);

    /// @notice A batch of `count` vouchers exists, and `count` of the supplier's quota is spent.
    event Minted(
        bytes8 indexed batchId,
        address indexed brand,
        address indexed supplier,
        bytes32 root,
        uint32 count,
        uint40 expiresAt,
        bytes32 termsHash
    );
    /// @notice The voucher's holder is `to`, its nonce is one higher.
    event Transferred(bytes8 indexed batchId, uint32 indexed index, address indexed to);
    /// @notice The voucher was spent at `redeemer`. At most once per voucher, for ever.
    event Redeemed(bytes8 indexed batchId, uint32 indexed index, address indexed redeemer);
    /// @notice The voucher was taken back by its supplier while it was sealed. For ever.
    event Revoked(bytes8 indexed batchId, uint32 indexed index, address indexed supplier);
    /// @notice The batch's brand stopped its redemptions.
    event Suspended(bytes8 indexed batchId, address indexed brand);
    /// @notice The batch's brand allows its redemptions again.
    event Resumed(bytes8 indexed batchId, address indexed brand);

    /// @notice An op (or a revocation of one voucher) that changed nothing, and why. `position` counts from 0 within
    /// the call.
    event Refused(bytes8 indexed batchId, uint32 indexed index, uint256 position, Status status);

    // ----------------------------------------------------------------------------------------------- errors

    error BrandNotAdmitted(address brand);
    error SupplierNotAuthorized(address brand, address supplier);
    error RedeemerNotAuthorized(address brand, address redeemer);
    error QuotaExceeded(uint64 quota, uint32 count);
    error EmptyBatch();
    error ZeroRoot();
    error ZeroAddress();
    error TimeInPast(uint40 time);
    error DeadlinePassed(uint40 deadline);
    error InvalidSignature();
    error BatchTaken(bytes8 batchId);
    error UnknownBatch(bytes8 batchId);
    error NotBatchSupplier(address caller);
    error NotBatchBrand(address caller);
    error WrongSuspensionNonce(uint32 expected, uint32 given);
    error AlreadySuspended(bytes8 batchId);
    error NotSuspended(bytes8 batchId);
    error LengthsDiffer(uint256 batchIds, uint256 indices);
    error MalformedOps();

    // -------------------------------------------------------------------------------------------- directory

    /// @notice Admits a brand, or changes what is said about it. By a registrar.
    /// @param licenceHash keccak of the document that the registrar checked
    function admitBrand(address brand, string calldata name, string calldata url, bytes32 licenceHash) external;

    /// @notice Takes a brand's admission back: its suppliers cannot mint, its vouchers cannot be redeemed. By a registrar.
    function suspendBrand(address brand) external;

    /// @notice Lets a supplier mint `quota` vouchers for the calling brand; replaces quota and time granted before.
    function authorizeSupplier(address supplier, uint64 quota, uint40 until) external;

    /// @notice Takes a supplier's authorisation back. By the brand, admitted or not.
    function withdrawSupplier(address supplier) external;

    /// @notice Lets a redeemer redeem the calling brand's vouchers; replaces the time granted before.
    function authorizeRedeemer(address redeemer, uint40 until) external;

    /// @notice Takes a redeemer's authorisation back. By the brand, admitted or not.
    function withdrawRedeemer(address redeemer) external;

    // ---------------------------------------------------------------------------------------------- batches

    /// @notice Mints a batch with the caller as supplier. Costs the same for 1 voucher and for 4 billion.
    function mint(Mint calldata m) external returns (bytes8 batchId);

    /// @notice Mints a batch for the supplier who signed it. By anyone.
    function mintFor(Mint calldata m, bytes32 r, bytes32 vs) external returns (bytes8 batchId);

    /// @notice The id that a batch has, or will have: the first 8 bytes of keccak(abi.encode(chainid, registry, brand,
    /// supplier, root, count, expiresAt, termsHash)). The deadline is no part of it.
    function batchIdOf(Mint calldata m, address supplier) external view returns (bytes8);

    /// @notice Revokes vouchers that are still sealed; the others are skipped, each with a `Refused` event. By the
    /// batch's supplier. There is no proof: an index that is no leaf can execute nothing anyway, so revoking it changes
    /// nothing for anyone.
    /// @return statuses one an index: Executed, IndexOutOfRange, AlreadyRedeemed, AlreadyRevoked or NotSealed
    function revoke(bytes8 batchId, uint32[] calldata indices) external returns (Status[] memory statuses);

    /// @notice `revoke` carried by anyone, with the supplier's signature over
    /// Revoke(bytes8 batchId,uint32[] indices,uint40 deadline). It needs no nonce: a second time it changes nothing.
    function revokeFor(bytes8 batchId, uint32[] calldata indices, uint40 deadline, bytes32 r, bytes32 vs)
        external
        returns (Status[] memory statuses);

    /// @notice Stops a batch's redemptions. By the batch's brand.
    function suspend(bytes8 batchId) external;

    /// @notice Allows a batch's redemptions again. By the batch's brand.
    function resume(bytes8 batchId) external;

    /// @notice `suspend` or `resume` carried by anyone, with the brand's signature over
    /// Suspend(bytes8 batchId,bool suspended,uint32 nonce,uint40 deadline).
    /// @param nonce the batch's `suspensions`, so that no old statement can be used again
    function suspendFor(bytes8 batchId, bool suspended, uint32 nonce, uint40 deadline, bytes32 r, bytes32 vs) external;

    // --------------------------------------------------------------------------------------------- vouchers

    /// @notice Executes transfers and redemptions in any mix. By anyone. Each op stands alone: a bad one gets a status
    /// and a `Refused` event and changes nothing, the others go through.
    /// @return statuses one an op, in the order of the ops
    function execute(Op[] calldata ops) external returns (Status[] memory statuses);

    /// @notice `execute` in fewer bytes: the same ops, the same outcomes, 10 to 55 % less gas. Integers are big-endian.
    ///
    ///   data   = u8 batches, u16 ops, batch…, op…
    ///   batch  = 8 batchId, u16 nodes, (32 node, u8 closes)…
    ///   op     = u8 flags, u8 batch, u32 index, u32 nonce, 32 r, 32 vs, [20 party], [u40 deadline], [32 contentHash],
    ///            [u16 node, u8 length, length × 32 proof]
    ///   flags  = 1 redeem (else transfer), 2 party as before, 4 deadline as before, 8 first use: proof is there,
    ///            16 contentHash is there (else zero)
    ///
    /// A batch's nodes are the leaves of its tree pruned to what several ops have in common, from left to right;
    /// `closes` says how often, after this node, the two latest unpaired nodes are replaced by their parent. Once they
    /// hash to the batch's root they are known to be its nodes, and a proof may end at any of them, named by number.
    /// No nodes: proofs end at the root. An op that executes so has the ordinary proof `proof ‖ path of the node`, so
    /// nothing verifies here that OpenZeppelin's single proof would refuse, and, unlike in a multiproof, no op's
    /// leaf takes part in another's proof. Nodes that do not hash to the root refuse the first uses of their batch
    /// (NotInBatch). Bytes that are not of this form revert, as malformed ABI encoding does.
    function executePacked(bytes calldata data) external returns (Status[] memory statuses);

    // ------------------------------------------------------------------------------------------------ views

    /// @notice What a brand has said about itself, and whether it is admitted now.
    function brandOf(address brand) external view returns (Brand memory);

    /// @notice What a supplier may still mint for a brand. All zero: nothing was granted, or it was withdrawn.
    function supplierAuthorization(address brand, address supplier) external view returns (Authorization memory);

    /// @notice The last second in which a redeemer may redeem a brand's vouchers; 0: never authorised, or withdrawn.
    function redeemerUntil(address brand, address redeemer) external view returns (uint40);

    /// @notice A batch's facts. `count` is 0 where there is no such batch.
    function batchOf(bytes8 batchId) external view returns (Batch memory);

    /// @notice Everything about one voucher. Never reverts: an unknown one has the state Unknown.
    function voucherOf(bytes8 batchId, uint32 index) external view returns (Voucher memory);

    /// @notice `voucherOf` for many: the i-th answer is that of (batchIds[i], indices[i]).
    function vouchersOf(bytes8[] calldata batchIds, uint32[] calldata indices) external view returns (Voucher[] memory);
}
