import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNetns } from '../../src/kernel/netns.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { DelegateNode, ip } from './cni-plugin-delegate-world.ts'
import { refused } from './cni-plugin-world.ts'

test('its error is passed on with its code and words, and it is asked to take back what it may have given', () => {
  using node = new DelegateNode()
  using a = createNetns()
  node.gives('{"cniVersion":"1.1.0","code":117,"msg":"the pool is dry","details":"10.40.0.0/24"}')
  node.script(`cat ${node.plugins}/result; [ "$CNI_COMMAND" = DEL ] || exit 1`)
  for (const [command, calls] of [
    ['ADD', ['ADD a eth0', 'DEL a eth0']],
    ['STATUS', ['STATUS a eth0']],
  ] as const) {
    const said = node.do(command, 'a', a)
    refused(said, 117, 'the pool is dry')
    assert.equal(said.out['details'], '10.40.0.0/24')
    assert.deepEqual(node.calls(), calls)
    node.assertNothingLeft()
  }
})

test('a plugin that answers something else, or nothing, is named, and what it gave is taken back', () => {
  using node = new DelegateNode()
  using a = createNetns()
  for (const [answer, ...words] of [
    ['', 'nothing at all'],
    ['no JSON', 'not valid JSON'],
    ['null', 'its result is null'],
    ['[]', 'its result is []'],
    ['{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/8"}}', 'a result of cniVersion "0.2.0"'],
    ['{"cniVersion":"1.0.0"}', 'no addresses'],
    ['{"ips":[{"address":"10.40.0.7"}]}', '10.40.0.7'],
    ['{"ips":[{"address":"10.40.0.7/33"}]}', '10.40.0.7/33'],
    ['{"ips":[{"address":"10.40.0.7/24","gateway":"fd00::1"}]}', 'gateway "fd00::1"'],
    ['{"ips":[{"address":"10.40.0.7/24"},{"address":"10.40.0.7/24"}]}', '10.40.0.7 twice'],
    ['{"ips":[{"address":"10.40.0.7/24"}],"routes":[{"dst":"all"}]}', 'routes[0].dst is "all"'],
    ['{"ips":[{"address":"10.40.0.7/24"}],"interfaces":[{"name":"eth0"}]}', 'interfaces (eth0)'],
  ] as const) {
    node.gives(answer)
    refused(node.do('ADD', 'a', a), 100, 'the IPAM plugin "ours" answered ADD with', ...words)
    assert.deepEqual(node.calls(), ['ADD a eth0', 'DEL a eth0'], answer)
    node.assertNothingLeft()
  }
})

test('a plugin that cannot be run is an error that says what to do', () => {
  using node = new DelegateNode()
  using a = createNetns()
  refused(node.do('ADD', 'a', a), 100, '"ours" is in no folder of CNI_PATH (/nowhere, ', 'install it there')
  for (const type of ['../ours', '..', 'a/b'])
    refused(node.do('ADD', 'a', a, node.config({ ipam: { type } })), 7, "no file's name")
  node.script(':', 0o644)
  refused(node.do('ADD', 'a', a), 100, 'is not executable: chmod +x')
  node.script(':', 0o755, '#!/no/such/interpreter')
  refused(node.do('ADD', 'a', a), 100, 'interpreter is missing')
  const inAdd = (body: string): void => node.script(`[ "$CNI_COMMAND" = ADD ] || exit 0; ${body}`)
  inAdd('echo sorry >&2; exit 3')
  refused(node.do('ADD', 'a', a), 100, 'ended with 3 at ADD', 'sorry')
  inAdd('kill -9 $$')
  refused(node.do('ADD', 'a', a), 100, 'was killed by SIGKILL')
  inAdd('yes | head -c 3000000')
  refused(node.do('ADD', 'a', a), 100, 'more than 1048576 bytes')
})

test('a plugin that hangs is killed after ipamTimeout, with all that it started', async () => {
  using node = new DelegateNode()
  using a = createNetns()
  node.script(`[ "$CNI_COMMAND" = ADD ] || exit 0; sleep 1000 & echo $! > ${node.plugins}/child; wait`)
  refused(node.do('ADD', 'a', a, node.config({ ipamTimeout: 1 })), 100, 'did not end ADD within 1 s (ipamTimeout)')
  const child = readFileSync(join(node.plugins, 'child'), 'utf8').trim()
  // A signal takes its time; the test's own time limit is what fails.
  while (runs(child)) await new Promise((resolve) => setImmediate(resolve))
  node.assertNothingLeft()
})

function runs(pid: string): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('when we are killed while the other plugin gives, GC and DEL have it take back', () => {
  using node = new DelegateNode()
  using a = createNetns()
  node.script('[ "$CNI_COMMAND" != ADD ] || kill -9 $PPID')
  for (const [command, calls] of [
    ['GC', ['ADD a eth0', 'DEL a eth0', 'GC a eth0']],
    ['DEL', ['ADD a eth0', 'DEL a eth0']],
  ] as const) {
    assert.equal(node.spawn('ADD', 'a', a).exitCode, null)
    const said = node.do(command, 'a', a, node.config({ 'cni.dev/valid-attachments': [] }))
    assert.equal(said.exitCode, 0, said.stdout)
    assert.deepEqual(node.calls(), calls)
    node.assertNothingLeft()
  }
})

test('when the cable cannot be laid, the plugin takes the address back; if it cannot, GC asks again', () => {
  using node = new DelegateNode()
  using a = createNetns()
  using inside = openRouteSocket(a)
  inside.apply(addLink({ kind: 'bridge', name: 'eth0' }))
  node.gives({ ips: [ip] })
  refused(node.do('ADD', 'a', a), 100, 'a link named eth0 already')
  assert.deepEqual(node.calls(), ['ADD a eth0', 'DEL a eth0'])
  node.assertNothingLeft()
  node.gives({ ips: [ip] }, 'exit 1')
  const said = node.do('ADD', 'a', a)
  refused(said, 100, 'a link named eth0 already')
  assert.match(String(said.out['details']), /the address was not taken back: .* ended with 1 at DEL/)
  node.gives({ ips: [ip] })
  node.calls()
  const gc = node.do('GC', '', '', node.config({ 'cni.dev/valid-attachments': [] }))
  assert.equal(gc.exitCode, 0, gc.stdout)
  assert.deepEqual(node.calls(), ['DEL a eth0', 'GC  eth0'])
  node.assertNothingLeft()
})
