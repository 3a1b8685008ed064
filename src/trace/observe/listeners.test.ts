import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTable } from './listeners.ts'

const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 000000 100 0 0 10 0
   1: 0100007F:1B9E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 000000 100 0 0 10 0
   2: 02016064:1F90 03016064:C001 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 000000 100 0 0 10 0
`
const tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1 000 100 0 0 10 0
   1: 00000000000000000000000001000000:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4715 1 000 100 0 0 10 0
`
const udp = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  22: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4716 2 000 0
  23: 02016064:9C40 0A004064:0035 01 00000000:00000000 00:00000000 00000000     0        0 4717 2 000 0
`

test('sockets that wait are told by address and port, connections are not', () => {
  assert.deepEqual(parseTable(tcp, 'tcp'), [
    { protocol: 'tcp', address: '0.0.0.0', port: 8080, inode: '4711' },
    { protocol: 'tcp', address: '127.0.0.1', port: 7070, inode: '4712' },
  ])
  assert.deepEqual(parseTable(tcp6, 'tcp'), [
    { protocol: 'tcp', address: '::', port: 8081, inode: '4714' },
    { protocol: 'tcp', address: '::1', port: 8082, inode: '4715' },
  ])
  assert.deepEqual(parseTable(udp, 'udp'), [{ protocol: 'udp', address: '0.0.0.0', port: 53, inode: '4716' }])
})
