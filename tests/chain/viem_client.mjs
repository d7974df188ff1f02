// Uses a node as a browser's or a server's viem would, and prints what it saw as JSON.
// Reads one JSON object from stdin: { modules, url, privateKey, emitter, clock, reverter }.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const input = JSON.parse(readFileSync(0, 'utf8'))
const require = createRequire(`${input.modules}/`)
const viem = require('viem')
const { privateKeyToAccount } = require('viem/accounts')

const chain = viem.defineChain({
  id: 31337,
  name: 'embedded',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [input.url] } },
})
const transport = viem.http(input.url, { retryCount: 0, batch: true })
const client = viem.createPublicClient({ chain, transport, pollingInterval: 50 })
const account = privateKeyToAccount(input.privateKey)
const wallet = viem.createWalletClient({ account, chain, transport })

const abi = viem.parseAbi([
  'function f() view returns (uint256 timestamp, uint256 number)',
  'error Refused(uint256 reason)',
  'function g() view',
])

const seen = {}
seen.chainId = await client.getChainId()

// A transaction with everything left to viem: nonce, gas, fees; then the raw path by hand.
const hash = await wallet.sendTransaction({ to: input.emitter, data: viem.concat([viem.pad('0x01'), viem.pad('0x02'), '0xabcd']) })
const receipt = await client.waitForTransactionReceipt({ hash, timeout: 10_000 })
seen.status = receipt.status
seen.logs = receipt.logs.map((log) => [log.topics.map((t) => Number(t)), log.data, log.logIndex])
const request = await wallet.prepareTransactionRequest({ to: input.emitter, data: viem.padHex('0x', { size: 64 }) })
const raw = await wallet.signTransaction(request)
const second = await client.waitForTransactionReceipt({ hash: await client.sendRawTransaction({ serializedTransaction: raw }) })
seen.second = second.status
seen.rawHash = viem.keccak256(raw) === second.transactionHash
seen.again = await client.sendRawTransaction({ serializedTransaction: raw }).catch((e) => e.details)

const [latest, byHash, finalized, pending] = await Promise.all([
  client.getBlock({ includeTransactions: true }),
  client.getBlock({ blockHash: second.blockHash }),
  client.getBlock({ blockTag: 'finalized' }),
  client.getBlock({ blockTag: 'pending' }),
])
seen.blocks = [latest.hash === byHash.hash, finalized.hash === latest.hash, Number(pending.number - latest.number)]
seen.transaction = latest.transactions[0].hash === second.transactionHash && latest.transactions[0].from === account.address.toLowerCase()
seen.type = latest.transactions[0].type

const range = { fromBlock: receipt.blockNumber, toBlock: 'latest' }
seen.ranged = (await client.getLogs({ address: input.emitter, ...range })).length
seen.byBlockHash = (await client.getLogs({ address: input.emitter, blockHash: receipt.blockHash })).map((log) => log.transactionHash === hash)
seen.none = (await client.getLogs({ address: input.clock, ...range })).length

const [timestamp, number] = await client.readContract({ address: input.clock, abi, functionName: 'f' })
seen.read = [timestamp === latest.timestamp, number === latest.number]
const past = await client.readContract({ address: input.clock, abi, functionName: 'f', blockNumber: receipt.blockNumber })
seen.past = past[1] === receipt.blockNumber

const reverting = viem.encodeErrorResult({ abi, errorName: 'Refused', args: [7n] })
seen.revert = await client.call({ to: input.reverter, data: reverting }).catch((e) => {
  const data = e.walk((cause) => cause.data !== undefined)?.data
  return Number(viem.decodeErrorResult({ abi, data: typeof data === 'object' ? data.data : data }).args[0])
})
seen.estimate = Number(await client.estimateGas({ account, to: account.address, value: 1n }))
seen.nonce = await client.getTransactionCount({ address: account.address, blockTag: 'pending' })
const fees = await client.estimateFeesPerGas()
seen.fees = fees.maxFeePerGas > fees.maxPriorityFeePerGas && fees.maxPriorityFeePerGas > 0n
seen.history = (await client.getFeeHistory({ blockCount: 2, rewardPercentiles: [50] })).reward.length
seen.code = viem.size(await client.getCode({ address: input.clock }))
seen.storage = Number(await client.getStorageAt({ address: input.emitter, slot: '0x0' }))
seen.balance = (await client.getBalance({ address: account.address })) > 0n

process.stdout.write(JSON.stringify(seen))
