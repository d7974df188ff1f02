// Writes statements-v1.json with viem: the statements that protocol.md leaves to the project (Revoke, Suspend), and the others
// again, so that the Python core is held to a program that it did not make. Run from contracts/, whose npm lock has viem.
import { createRequire } from 'node:module'
import { writeFileSync } from 'node:fs'
const require = createRequire(process.cwd() + '/package.json')
const { privateKeyToAccount } = require('viem/accounts')
const { hashTypedData, hexToBytes, bytesToHex } = require('viem')

const types = {
  Mint: [['address', 'brand'], ['bytes32', 'root'], ['uint32', 'count'], ['uint40', 'expiresAt'], ['bytes32', 'termsHash'], ['uint40', 'deadline']],
  Transfer: [['bytes8', 'batchId'], ['uint32', 'index'], ['address', 'to'], ['uint32', 'nonce'], ['uint40', 'deadline']],
  Redeem: [['bytes8', 'batchId'], ['uint32', 'index'], ['address', 'redeemer'], ['uint32', 'nonce'], ['uint40', 'deadline']],
  Revoke: [['bytes8', 'batchId'], ['uint32[]', 'indices'], ['uint40', 'deadline']],
  Suspend: [['bytes8', 'batchId'], ['bool', 'suspended'], ['uint32', 'nonce'], ['uint40', 'deadline']],
}
const batchId = '0x9f3c2a7e81d04b6c', word = n => '0x' + n.toString(16).padStart(64, '0')
const someone = '0x2222222222222222222222222222222222222222'
const messages = [
  ['Mint', { brand: someone, root: word(7), count: 4294967295, expiresAt: 1099511627775, termsHash: word(9), deadline: 0 }],
  ['Transfer', { batchId, index: 4294967294, to: someone, nonce: 4294967295, deadline: 1893456000 }],
  ['Redeem', { batchId, index: 0, redeemer: someone, nonce: 3, deadline: 1 }],
  ['Revoke', { batchId, indices: [0], deadline: 1893456000 }],
  ['Revoke', { batchId, indices: [5, 4294967294, 7], deadline: 1099511627775 }],
  ['Suspend', { batchId, suspended: true, nonce: 0, deadline: 1893456000 }],
  ['Suspend', { batchId, suspended: false, nonce: 1, deadline: 1893456000 }],
]
const domains = [
  { name: 'VoucherRegistry', version: '1', chainId: 31337, verifyingContract: '0x5FbDB2315678afecb367f032d93F642f64180aa3' },
  { name: 'VoucherRegistry', version: '1', chainId: 10, verifyingContract: someone },
]
const key = '0x' + '11'.repeat(32), account = privateKeyToAccount(key), vectors = []
for (const domain of domains) for (const [primaryType, message] of messages) {
  const fields = types[primaryType].map(([type, name]) => ({ type, name }))
  const data = { domain, types: { [primaryType]: fields }, primaryType, message }
  const bytes = hexToBytes(await account.signTypedData(data))
  const r = bytesToHex(bytes.slice(0, 32)), s = bytes.slice(32, 64)
  s[0] |= bytes[64] === 28 ? 0x80 : 0
  vectors.push({ chainId: domain.chainId, registry: domain.verifyingContract, digest: hashTypedData(data), signer: account.address,
    statement: { type: primaryType, message, signature: { r, vs: bytesToHex(s) } } })
}
writeFileSync(new URL('statements-v1.json', import.meta.url), JSON.stringify({ privateKey: key, vectors }, null, 1) + '\n')
