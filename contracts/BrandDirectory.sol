// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IVoucherRegistry} from "./IVoucherRegistry.sol";

/// @title Who is a brand, and whom each brand lets mint and redeem. Knows no batch and no voucher.
abstract contract BrandDirectory is IVoucherRegistry, AccessControl {
    // Times are minutes to years; the seconds that a block's proposer may shift change nothing.
    // slither-disable-start timestamp

    /// @notice The role that admits and suspends brands.
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");

    mapping(address brand => Brand) private _brands;
    mapping(address brand => mapping(address supplier => Authorization)) private _suppliers;
    mapping(address brand => mapping(address redeemer => uint40 until)) private _redeemers;

    /// @param admin appoints registrars, and is the first of them
    constructor(address admin) {
        if (admin == address(0)) revert ZeroAddress();
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(REGISTRAR_ROLE, admin);
    }

    modifier onlyAdmitted() {
        _requireAdmitted(msg.sender);
        _;
    }

    /// @inheritdoc IVoucherRegistry
    function admitBrand(address brand, string calldata name, string calldata url, bytes32 licenceHash)
        external
        onlyRole(REGISTRAR_ROLE)
    {
        if (brand == address(0)) revert ZeroAddress();
        _brands[brand] = Brand({admitted: true, name: name, url: url, licenceHash: licenceHash});
        emit BrandAdmitted(brand, name, url, licenceHash);
    }

    /// @inheritdoc IVoucherRegistry
    function suspendBrand(address brand) external onlyRole(REGISTRAR_ROLE) {
        _requireAdmitted(brand);
        _brands[brand].admitted = false;
        emit BrandSuspended(brand);
    }

    /// @inheritdoc IVoucherRegistry
    function authorizeSupplier(address supplier, uint64 quota, uint40 until) external onlyAdmitted {
        if (supplier == address(0)) revert ZeroAddress();
        if (until < block.timestamp) revert TimeInPast(until);
        _suppliers[msg.sender][supplier] = Authorization({quota: quota, until: until});
        emit SupplierAuthorized(msg.sender, supplier, quota, until);
    }

    /// @inheritdoc IVoucherRegistry
    function withdrawSupplier(address supplier) external {
        if (_suppliers[msg.sender][supplier].until == 0) revert SupplierNotAuthorized(msg.sender, supplier);
        delete _suppliers[msg.sender][supplier];
        emit SupplierWithdrawn(msg.sender, supplier);
    }

    /// @inheritdoc IVoucherRegistry
    function authorizeRedeemer(address redeemer, uint40 until) external onlyAdmitted {
        if (redeemer == address(0)) revert ZeroAddress();
        if (until < block.timestamp) revert TimeInPast(until);
        _redeemers[msg.sender][redeemer] = until;
        emit RedeemerAuthorized(msg.sender, redeemer, until);
    }

    /// @inheritdoc IVoucherRegistry
    function withdrawRedeemer(address redeemer) external {
        if (_redeemers[msg.sender][redeemer] == 0) revert RedeemerNotAuthorized(msg.sender, redeemer);
        delete _redeemers[msg.sender][redeemer];
        emit RedeemerWithdrawn(msg.sender, redeemer);
    }

    /// @inheritdoc IVoucherRegistry
    function brandOf(address brand) external view returns (Brand memory) {
        return _brands[brand];
    }

    /// @inheritdoc IVoucherRegistry
    function supplierAuthorization(address brand, address supplier) external view returns (Authorization memory) {
        return _suppliers[brand][supplier];
    }

    /// @inheritdoc IVoucherRegistry
    function redeemerUntil(address brand, address redeemer) public view returns (uint40) {
        return _redeemers[brand][redeemer];
    }

    function _admitted(address brand) internal view returns (bool) {
        return _brands[brand].admitted;
    }

    function _requireAdmitted(address brand) internal view {
        if (!_admitted(brand)) revert BrandNotAdmitted(brand);
    }

    /// @dev Takes `count` vouchers off the quota that an admitted brand has granted to a supplier.
    function _spendQuota(address brand, address supplier, uint32 count) internal {
        _requireAdmitted(brand);
        Authorization storage granted = _suppliers[brand][supplier];
        if (granted.until < block.timestamp) revert SupplierNotAuthorized(brand, supplier);
        if (granted.quota < count) revert QuotaExceeded(granted.quota, count);
        granted.quota -= count;
    }

    // slither-disable-end timestamp
}
