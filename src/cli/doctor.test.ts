import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Finding } from '../doctor/types.ts'
import type { Trace } from '../trace/types.ts'
import { doctor, type DoctorBody, exitCodeOf, type Where } from './doctor.ts'
import { UsageError } from './usage.ts'

class Asked extends Error {
  readonly what: unknown[]
  constructor(...what: unknown[]) {
    super('asked')
    this.what = what
  }
}

/** What would be asked of which cluster; or what is wrong with the words. */
async function asked(...words: string[]): Promise<unknown> {
  const diagnose = (body: DoctorBody, where: Where): Promise<never> => Promise.reject(new Asked(body, where))
  return doctor(words, { diagnose }).catch((error: unknown) => {
    if (error instanceof Asked) return error.what
    if (error instanceof UsageError) return error.message
    throw error
  })
}

test('a namespace, a request and a cluster are read from the words, in whatever order', async () => {
  const lab = { kind: 'lab', name: undefined }
  const request = { from: 'client', to: 'http://web/' }
  const rows: [string, unknown][] = [
    ['', [{}, lab]],
    ['shop', [{ namespace: 'shop' }, lab]],
    ['-n shop', [{ namespace: 'shop' }, lab]],
    ['shop --lab two', [{ namespace: 'shop' }, { kind: 'lab', name: 'two' }]],
    ['--for client http://web/', [{ for: request }, lab]],
    ['shop --for client http://web/', [{ namespace: 'shop', for: request }, lab]],
    ['--for client http://web/ shop', [{ namespace: 'shop', for: request }, lab]],
    [
      '--for client -v http://web/ --lab two shop',
      [
        { namespace: 'shop', for: request },
        { kind: 'lab', name: 'two' },
      ],
    ],
    ['--for client http://web/ -n shop', [{ for: { ...request, namespace: 'shop' } }, lab]],
    ['--for client http://web/ --timeout 2', [{ for: { ...request, timeoutMs: 2000 } }, lab]],
    ['--kubeconfig a --context b', [{}, { kind: 'kubeconfig', path: 'a', context: 'b', timeoutMs: undefined }]],
    ['--kubeconfig a --timeout 60', [{}, { kind: 'kubeconfig', path: 'a', context: undefined, timeoutMs: 60_000 }]],
  ]
  for (const [words, expected] of rows)
    assert.deepEqual(await asked(...words.split(' ').filter((word) => word !== '')), expected, words)
})

test('what cannot be meant is said in words', async () => {
  const rows: [string, RegExp][] = [
    ['one two', /^one namespace at most, not one two$/],
    ['Shop', /^"Shop" is no namespace/],
    ['--for', /^--for needs FROM and TO$/],
    ['shop --for client', /^--for needs FROM and TO$/],
    ['--for svc/web http://web/', /no place to send from/],
    ['--for client web:0', /web:0/],
    ['--timeout 2', /^--timeout is for --for FROM TO, or --kubeconfig FILE$/],
    ['--for client http://web/ --timeout never', /--timeout is a number of seconds/],
    ['--lab a --kubeconfig b', /^--lab or --kubeconfig, not both$/],
    ['--context b', /needs --kubeconfig FILE$/],
    ['--for client http://web/ --kubeconfig a', /--kubeconfig looks at objects only$/],
    ['-o xml', /^-o is text, json, yaml, not "xml"$/],
  ]
  for (const [words, expected] of rows) assert.match(String(await asked(...words.split(' '))), expected, words)
})

test('it ends with 1 for an error, for a warning where that was asked, and for a request that failed', () => {
  const finding = (level: Finding['level']): Finding => ({
    number: 1,
    code: 'X',
    level,
    object: { kind: 'Pod', name: 'x' },
    sure: 'certain',
    evidence: [],
    say: '',
    fix: '',
  })
  const request = (change: Partial<Trace>): Trace => ({
    from: 'client',
    to: 'http://web/',
    protocol: 'http',
    verdict: 'delivered',
    dns: [],
    ms: 1,
    hops: [],
    reply: [],
    predicted: [],
    agrees: true,
    why: [],
    ...change,
  })
  const asked = (status: string): Trace => request({ protocol: 'dns', status })
  const rows: [Finding['level'][], Trace | undefined, number, number][] = [
    [[], undefined, 0, 0],
    [['info'], undefined, 0, 0],
    [['info', 'warning'], undefined, 0, 1],
    [['error'], undefined, 1, 1],
    [[], request({}), 0, 0],
    [['error'], request({}), 1, 1],
    // Why it failed may be for information alone, or not be known at all.
    [['info'], request({ verdict: 'refused' }), 1, 1],
    [[], request({ verdict: 'no-answer' }), 1, 1],
    [[], request({ verdict: 'not-sent' }), 1, 1],
    [[], asked('NOERROR'), 0, 0],
    [[], asked('NXDOMAIN'), 1, 1],
    // A program's own answer is its own business, as for a trace.
    [[], request({ status: '500 Internal Server Error' }), 0, 0],
  ]
  for (const [levels, sent, code, strict] of rows) {
    const diagnosis = { findings: levels.map(finding), ...(sent && { request: sent }) }
    assert.deepEqual([exitCodeOf(diagnosis, false), exitCodeOf(diagnosis, true)], [code, strict], JSON.stringify(sent))
  }
})
