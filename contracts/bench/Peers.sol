// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Burnable} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Burnable.sol";
import {ERC721A} from "erc721a/contracts/ERC721A.sol";

/// @title The stock contracts beside which scripts/bench_gas.py measures the registry, with nothing added but minting
contract Plain721 is ERC721Burnable {
    constructor() ERC721("", "") {}

    function mintMany(address to, uint256 first, uint256 count) external {
        for (uint256 id = first; id < first + count; ++id) {
            _mint(to, id);
        }
    }
}

contract Chained721 is ERC721A {
    constructor() ERC721A("", "") {}

    function mintMany(address to, uint256 count) external {
        _mint(to, count);
    }

    function burn(uint256 id) external {
        _burn(id, true);
    }
}

/// @dev One id a voucher, as that is what can be told apart.
contract Plain1155 is ERC1155 {
    constructor() ERC1155("") {}

    function mintMany(address to, uint256 first, uint256 count) external {
        uint256[] memory ids = new uint256[](count);
        uint256[] memory ones = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            (ids[i], ones[i]) = (first + i, 1);
        }
        _mintBatch(to, ids, ones, "");
    }
}

/// @dev Many calls in one transaction, so that the others get the same chance as the registry.
contract Multicall {
    function all(address target, bytes[] calldata calls) external {
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool ok,) = target.call(calls[i]);
            require(ok, "a call failed");
        }
    }
}
