// The package as others use it: `import { Lab } from 'kubehop'`, from its bundle.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { Lab } from 'kubehop'
import { freshState, run } from './harness.ts'

const state = freshState()
after(() => state.remove())
const { KUBEHOP_STATE: folder = '' } = state.env
const labs = (): string[] => (existsSync(folder) ? readdirSync(folder) : []).filter((name) => !name.startsWith('.'))

test('a lab that is held goes at the end of its block, and what is wrong in a manifest changes nothing', async () => {
  let kubeconfig = ''
  {
    await using lab = await Lab.start({ nodes: 1, state: folder })
    kubeconfig = lab.kubeconfig
    assert.equal(lab.nodes.length, 1)
    assert.match(lab.name, new RegExp(`^test-${process.pid}-[0-9a-f]{6}$`))
    await assert.rejects(lab.apply('apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {container: []}\n'), {
      message: /^nothing was changed:\nthe manifest:4: .*did you mean "containers"/,
    })
    await assert.rejects(lab.trace('nobody', 'tcp://1.2.3.4:5'), /there is no pod default\/nobody/)
    for (const timeoutMs of [Number.NaN, -1, Infinity])
      await assert.rejects(lab.trace('node/node1', 'tcp://1.2.3.4:5', { timeoutMs }), /timeoutMs \(up to 100000\)/)
    assert.equal((await lab.trace('node/node1', '100.64.0.10:53', { timeoutMs: 1000.5 })).verdict, 'delivered')
    assert.deepEqual(labs(), [lab.name])
    // A second end is no error.
    await lab.down()
  }
  assert.deepEqual(labs(), [])
  assert.match(kubeconfig, new RegExp(`^${folder}`))
})

test('what does not become ready is told, and nothing is left', async () => {
  const file = join(state.folder, 'stuck.yaml')
  const pod = { name: 'p', image: 'no.such/image:1', imagePullPolicy: 'Never' }
  writeFileSync(
    file,
    JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'stuck' }, spec: { containers: [pod] } }),
  )
  await assert.rejects(Lab.start({ nodes: 1, state: folder, files: [file], timeoutMs: 20_000 }), {
    message: /^this did not become ready:\ndefault\/stuck: /,
  })
  assert.deepEqual(labs(), [])
})

test('a lab that cannot start says why', async () => {
  await assert.rejects(Lab.start({ nodes: 0, state: folder }), /--nodes/)
  await assert.rejects(Lab.start({ files: ['/no/such.yaml'], state: folder }), /\/no\/such\.yaml.*no such file/)
})

test('a program that has nothing else to do waits until its lab has gone', async () => {
  const program = `const { Lab } = await import('kubehop'); const lab = await Lab.start({ nodes: 1 }); await lab.down(); console.log('gone')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...process.env, ...state.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  assert.deepEqual([said, code], ['gone\n', 0])
  assert.deepEqual(labs(), [])
})

test('a test run that is killed takes its lab along', async () => {
  const program = `const { Lab } = await import('kubehop'); const lab = await Lab.start({ nodes: 1, name: 'killed' }); console.log(lab.name); setInterval(() => {}, 1e6)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...process.env, ...state.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  assert.deepEqual(labs(), ['killed'])
  child.kill('SIGKILL')
  const late = AbortSignal.timeout(20_000)
  while (labs().length > 0) {
    late.throwIfAborted()
    await new Promise((done) => setTimeout(done, 20))
  }
})

test('it runs on the Node of PATH, too, which may be older than ours', async (t) => {
  const { out: version } = await run('node', ['-p', 'process.versions.node'])
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 16)) return t.skip(`no Node from 20.16 on in PATH, but ${version.trim()}`)
  const program = `
    import { Lab } from 'kubehop'
    await Lab.start({ node: 2 }).catch((error) => console.log(error.message))
    const lab = await Lab.start({ nodes: 1 })
    console.log((await lab.doctor()).looked.nodes, (await lab.trace('node/node1', '100.64.0.10:53')).verdict)
    await lab.down()
    await lab.trace('node/node1', '100.64.0.10:53').catch((error) => console.log(error.message))`
  const { code, out, err } = await run('node', ['--input-type=module', '-e', program], state.env)
  assert.deepEqual([code, err], [0, ''])
  assert.match(
    out,
    /^Lab.start has no option "node"; did you mean nodes[^\n]*\n1 delivered\nthe lab \S+ has ended: ask before `down`\n$/,
  )
  assert.deepEqual(labs(), [])
})

test('`up --hold` ends with its standard input, and with a signal', async () => {
  const held = spawn(resolve('kubehop'), ['up', 'held', '--nodes', '1', '--hold'], {
    env: { ...process.env, ...state.env },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  await once(held.stdout, 'data')
  assert.deepEqual(labs(), ['held'])
  const again = await run(resolve('kubehop'), ['up', 'held', '--hold'], state.env)
  assert.match(again.err, /lab "held" is running already/)
  held.kill('SIGINT')
  assert.equal((await once(held, 'close'))[0], 130)
  assert.deepEqual(labs(), [])
})

test('its types are whole: a strict project of somebody else compiles against them', async () => {
  const project = join(state.folder, 'project')
  mkdirSync(join(project, 'node_modules/@types'), { recursive: true })
  symlinkSync(resolve('.'), join(project, 'node_modules/kubehop'))
  symlinkSync(resolve('node_modules/@types/node'), join(project, 'node_modules/@types/node'))
  symlinkSync(resolve('node_modules/undici-types'), join(project, 'node_modules/undici-types'))
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        target: 'es2024',
        lib: ['es2024', 'esnext.disposable'],
        types: ['node'],
        strict: true,
        noEmit: true,
        preserveSymlinks: true,
      },
    }),
  )
  writeFileSync(
    join(project, 'a.test.ts'),
    `import { Lab, type Trace, UnexpectedTrace } from 'kubehop'
export async function go(): Promise<string> {
  await using lab = await Lab.start({ nodes: 2 })
  const trace: Trace = await lab.expectReachable('a', 'http://b/', { withinMs: 10 })
  const wrong: boolean = new Error() instanceof UnexpectedTrace
  // @ts-expect-error: no such verdict
  await lab.expectUnreachable('a', 'b', { verdict: 'delivered' })
  return trace.hops[0]?.say ?? String(wrong)
}
`,
  )
  const { code, out } = await run(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '-p', project])
  assert.equal(out, '')
  assert.equal(code, 0)
})
