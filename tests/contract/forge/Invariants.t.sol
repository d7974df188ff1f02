// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Handler} from "./Handler.sol";

/// @title The invariants of protocol.md, 5, after every call of a long random life
/// @dev The handler predicts each call's outcome and folds each event; what contradicts an invariant is kept in `broken`.
contract Invariants {
    Handler private _handler;

    function setUp() public {
        _handler = new Handler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev Ops come more often than the rest.
    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        bytes4[] memory selectors = new bytes4[](14);
        for (uint256 i = 0; i < 5; ++i) {
            selectors[i] = Handler.execute.selector;
        }
        selectors[5] = Handler.replay.selector;
        selectors[6] = Handler.revoke.selector;
        selectors[7] = Handler.suspend.selector;
        selectors[8] = Handler.mint.selector;
        selectors[9] = Handler.wait.selector;
        selectors[10] = Handler.suspendBrand.selector;
        selectors[11] = Handler.withdraw.selector;
        selectors[12] = Handler.authorizeSupplier.selector;
        selectors[13] = Handler.authorizeRedeemer.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(_handler), selectors);
    }

    function invariant_AllOfProtocol5() public view {
        _holds(1, "1: root, count, supplier, brand, expiry and terms never change");
        _holds(2, "2: a redeemed bit never goes back, and there is one Redeemed for it");
        _holds(3, "3: an op on one voucher changes nothing of any other");
        _holds(4, "4: every change carries the holder's signature over exactly what it does");
        _holds(5, "5: a change needs index < count and a leaf of the batch; one redemption an index");
        _holds(6, "6: nonce = number of transfers; nothing executes after the end");
        _holds(7, "7: a bad op alters no other's outcome; one status an op, and it matches the events");
        _holds(8, "8: no signature for another chain, contract or kind, none malleated or empty");
        _holds(9, "9: no inner node, no shortened, lengthened or foreign proof");
        _holds(11, "11: never more vouchers than the brand granted");
        _holds(12, "12: the fold of all events equals the storage");
        require(address(_handler.target()).balance == 0, "12: the contract's balance is 0");
    }

    /// @dev Once a run: the whole storage.
    function afterInvariant() public {
        _handler.compareAll();
        invariant_AllOfProtocol5();
    }

    /// @dev A handler that never gets somewhere proves nothing about it.
    function test_HandlerReachesEveryStatus() public {
        for (uint256 i = 0; i < 4_000; ++i) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            if (i % 20 == 0) invariant_AllOfProtocol5();
            if (i % 50 == 0) _handler.mint(seed, i / 50);
            if (i % 64 == 1) _handler.revoke(seed, i);
            if (i % 64 == 2) _handler.suspend(seed, i / 64);
            if (i % 512 == 3) _handler.suspendBrand(i % 1024 < 512 ? 3 : 1);
            if (i % 512 == 480) _handler.wait(3_000_000_000);
            else if (i % 8 == 4) _handler.replay(seed, i % 16 < 8);
            else _handler.execute(seed, i % 2 == 0);
        }
        afterInvariant();
        for (uint256 status = 0; status < 16; ++status) {
            require(_handler.reached(status) > 0, "a status was never reached");
        }
    }

    function _holds(uint256 invariant, string memory name) private view {
        string memory fault = _handler.broken(invariant);
        require(bytes(fault).length == 0, string.concat(name, ": ", fault));
    }
}
