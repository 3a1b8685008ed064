// Looking into containers with kubectl, in a lab: another container beside them, a terminal, what they have logged.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, realpathSync } from 'node:fs'
import { test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import { openTerminal } from '../../src/kernel/terminal.ts'
import { terminalInput, TerminalOutput } from '../../src/pod/container/terminal-stream.ts'
import { ended, said, skip, streamsLab } from './kubectl-lab.ts'

const { kubectl, kubeconfig, begin, lab } = streamsLab('watching')

// The first test's words are in the log that others read.
test('attach sends input to a container and shows its output; the log goes on', { skip }, async () => {
  const watch = begin(['attach', 'cat'])
  // kubectl says so before it is attached: the first line that both see is the sign.
  const client = begin(['attach', '-i', 'cat'])
  client.stdin?.write('hello\n')
  await said(client, /^hello$/m)
  const quick = await kubectl(['attach', '-i', 'cat', '--quiet'], 'once more\n')
  assert.deepEqual([quick.code, quick.out], [0, 'once more\n'])
  await said(client, /^once more$/m)
  await said(watch, /^once more$/m)
  await Promise.all([ended(watch), ended(client)])
  assert.equal((await kubectl(['logs', 'cat'])).out, 'hello\nonce more\n')
})

test('kubectl debug: a container more, beside a running one, that sees its processes', { skip }, async () => {
  const args = ['debug', 'cat', '-i', '--quiet', '--image=host', '--target=c', '--profile=general', '-c', 'debugger']
  const { code, out, err } = await kubectl([...args, '--', 'sh'], 'tr "\\0" " " < /proc/1/cmdline; exit\n')
  assert.equal(code, 0, err)
  assert.match(out, /^cat /)
  const { status } = await lab().json<Pod>('get', 'pod', 'cat')
  assert.equal(status?.ephemeralContainerStatuses?.[0]?.name, 'debugger')
  const again = await kubectl(['debug', 'cat', '--image=host', '--target=nobody', '--profile=general', '--', 'true'])
  assert.match(again.err, /targetContainerName: Not found: "nobody"/)
  const node = await kubectl([
    'debug',
    'node/node1',
    '-i',
    '--quiet',
    '--image=host',
    '--profile=general',
    '--',
    'sh',
    '-c',
    'ls /host; cat /proc/net/dev',
  ])
  assert.match(node.out, /^etc$[^]*cbr0:/m)
})

test('exec -it: a terminal as wide as the own one, and its keys', { skip }, async () => {
  const terminal = openTerminal(realpathSync('/dev/ptmx'))
  terminal.resize(123, 45)
  const slave = openSync(`/dev/pts/${terminal.number}`, constants.O_RDWR | constants.O_NOCTTY)
  const child = spawn(
    process.env['KUBECTL'] ?? 'kubectl',
    ['--kubeconfig', kubeconfig(), 'exec', '-it', 'web', '--', 'sh'],
    {
      stdio: [slave, slave, slave],
    },
  )
  closeSync(slave)
  const shown = new TerminalOutput(terminal)
  const keys = terminalInput(terminal)
  const exited = once(child, 'exit')
  // What is typed once something was shown. The size comes a moment after the shell; Ctrl-C ends what runs in it, not the shell.
  // What runs says so itself: a shell that has not quite started it yet would swallow the key.
  const dialogue: [shown: RegExp, typed: string][] = [
    [
      /[#$] $/,
      'while test "$(stty size)" != "45 123"; do sleep 0.05; done; sh -c "echo sized-$((1+1)); exec sleep 1000"\r',
    ],
    [/sized-2\r\n/, '\x03'],
    [/sized-2\r\n[^]*[#$] $/, 'exit 7\r'],
  ]
  let text = ''
  shown.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    if (dialogue[0]?.[0].test(text)) keys.write(dialogue.shift()?.[1] ?? '')
  })
  assert.deepEqual(await exited, [7, null], text)
  shown.destroy()
})

test('a client that vanishes takes its process along, and leaves the container alone', { skip }, async () => {
  const search = 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -Eo "[s]leep 4711|[y]es vanish"'
  const running = async (): Promise<string> => (await kubectl(['exec', 'web', '--', 'sh', '-c', search])).out
  const idle = begin(['exec', '-i', 'web', '--', 'sh', '-c', 'echo up; exec sleep 4711'])
  const busy = begin(['exec', 'web', '--', 'sh', '-c', 'echo up; exec yes vanish'])
  await Promise.all([said(idle, /^up$/m), said(busy, /^up$/m)])
  const watching = begin(['attach', 'cat'])
  const following = begin(['logs', '-f', 'cat'])
  await said(following, /hello/)
  assert.deepEqual((await running()).trim().split('\n').toSorted(), ['sleep 4711', 'yes vanish'])
  await Promise.all([idle, busy, watching, following].map(ended))
  await lab().until('processes gone', running, (out) => out === '')
  const { status } = await lab().json<Pod>('get', 'pod', 'cat')
  assert.equal(status?.containerStatuses?.[0]?.restartCount, 0)
})

test('logs: by time, with prefixes of all containers, and of the instance before', { skip }, async () => {
  const all = await kubectl(['logs', 'cat', '--all-containers', '--prefix', '--timestamps'])
  assert.match(all.out, /^\[pod\/cat\/c\] \d{4}-\S+Z hello$/m)
  assert.match(all.out, /^\[pod\/cat\/debugger\] /m)
  assert.equal(
    (await kubectl(['logs', 'cat', '-c', 'c', '--since-time=2000-01-01T00:00:00Z', '--tail=1'])).out,
    'once more\n',
  )
  assert.equal((await kubectl(['logs', 'cat', '-c', 'c', '--since-time=2100-01-01T00:00:00Z'])).out, '')
  assert.equal((await kubectl(['logs', 'cat', '-c', 'c', '--limit-bytes=3'])).out, 'hel')
  const script = 'if test -e /v/x; then echo second; exec sleep 1000; fi; echo first; touch /v/x'
  await lab().apply(`
apiVersion: v1
kind: Pod
metadata: {name: twice}
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{name: v, emptyDir: {}}]
  initContainers: [{name: i, image: host, command: [echo, init]}]
  containers: [{name: c, image: host, command: [sh, -c, "${script}"], volumeMounts: [{name: v, mountPath: /v}]}]
`)
  await lab().until(
    'a restart',
    () => kubectl(['logs', 'twice', '-c', 'c']),
    ({ out }) => out === 'second\n',
  )
  assert.equal((await kubectl(['logs', 'twice', '-c', 'c', '-p'])).out, 'first\n')
  assert.equal((await kubectl(['logs', 'twice', '-c', 'i'])).out, 'init\n')
})

test('a log that is followed goes on when the agent is killed and another one comes', { skip }, async () => {
  const script = 'n=0; while :; do n=$((n+1)); echo line $n; sleep 0.05; done'
  await lab().kubectl('run', 'count', '--image=host', '--command', '--', 'sh', '-c', script)
  await lab().until(
    'lines',
    () => kubectl(['logs', 'count']),
    ({ out }) => out.includes('line 3'),
  )
  const follower = begin(['logs', '-f', 'count', '--tail=2'])
  await said(follower, /line \d+\n/)
  const old = lab().pidOf('kubehop node node1')
  assert.ok(old)
  process.kill(old, 'SIGKILL')
  const seen = Number(/line (\d+)\n$/.exec(follower.said)?.[1])
  await said(follower, new RegExp(`line ${seen + 100}\n`))
  await ended(follower)
  const numbers = follower.said
    .trimEnd()
    .split('\n')
    .slice(0, -1)
    .map((line) => Number(line.slice('line '.length)))
  assert.deepEqual(
    numbers,
    numbers.map((_, at) => (numbers[0] ?? 0) + at),
    'each line once',
  )
})
