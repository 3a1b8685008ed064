import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { exposition, writeExposition } from './exposition.ts'
import type { Family } from './family.ts'
import { exponential, histogram } from './histogram.ts'
import { counter, gauge, measured } from './number.ts'
import { processFamilies } from './process.ts'

async function textOf(...families: Family[]): Promise<string> {
  let text = ''
  for await (const piece of exposition(families)) text += piece
  return text
}

test('a metric is told with its help, its type and all its series', async () => {
  const requests = counter('requests_total', 'Requests by code', ['code', 'method'])
  requests.of('200', 'get').add()
  requests.of('200', 'get').add(2)
  requests.of('503', 'get')
  const depth = gauge('queue_depth', 'Waiting', [])
  depth.of().set(7)
  depth.of().add(-2.5)
  assert.equal(
    await textOf(requests, depth),
    `# HELP requests_total Requests by code
# TYPE requests_total counter
requests_total{code="200",method="get"} 3
requests_total{code="503",method="get"} 0
# HELP queue_depth Waiting
# TYPE queue_depth gauge
queue_depth 4.5
`,
  )
})

test('a value is in the first bucket whose bound it does not exceed, and in all larger ones', async () => {
  const seconds = histogram('took_seconds', 'Time', ['family'], [0.5, 1, 2])
  for (const value of [0.5, 0.6, 2, 9]) seconds.of('IPv4').observe(value)
  assert.equal(
    await textOf(seconds),
    `# HELP took_seconds Time
# TYPE took_seconds histogram
took_seconds_bucket{family="IPv4",le="0.5"} 1
took_seconds_bucket{family="IPv4",le="1"} 2
took_seconds_bucket{family="IPv4",le="2"} 3
took_seconds_bucket{family="IPv4",le="+Inf"} 4
took_seconds_sum{family="IPv4"} 12.1
took_seconds_count{family="IPv4"} 4
`,
  )
})

test('a histogram without labels has only bounds between its braces', async () => {
  const seconds = histogram('s', 'Time', [], [1])
  seconds.of().observe(3)
  assert.match(await textOf(seconds), /s_bucket\{le="1"\} 0\ns_bucket\{le="\+Inf"\} 1\ns_sum 3\ns_count 1\n$/)
})

test('every value is counted in the bucket that a search one by one finds', async () => {
  const bounds = exponential(0.001, 2, 15)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.double({ noNaN: true, min: 0, max: 40 }), { minLength: 1 }), async (values) => {
      const all = histogram('h', '', [], bounds)
      for (const value of values) all.of().observe(value)
      const told = await textOf(all)
      const cumulated = [...bounds, Infinity].map((bound) => values.filter((value) => value <= bound).length)
      assert.deepEqual(
        [...told.matchAll(/_bucket\{[^}]*\} (\d+)/g)].map(([, count]) => Number(count)),
        cumulated,
      )
    }),
  )
})

test('quotes, backslashes and new lines do not end a label or a line', async () => {
  const odd = gauge('odd', 'one\ntwo \\ "three"', ['name'])
  odd.of('a"b\\c\nd').set(Number.POSITIVE_INFINITY)
  assert.equal(
    await textOf(odd),
    '# HELP odd one\\ntwo \\\\ "three"\n# TYPE odd gauge\nodd{name="a\\"b\\\\c\\nd"} +Inf\n',
  )
})

test('whatever is in a label, there is one line for each series, and it says the label again when it is read', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.string({ unit: 'binary' }), { maxLength: 10 }), async (values) => {
      const odd = counter('odd_total', 'x', ['v'])
      for (const value of values) odd.of(value).add()
      const lines = (await textOf(odd)).split('\n').slice(2, -1)
      const read = lines.map((line) =>
        (/^odd_total\{v="((?:[^"\\\n]|\\.)*)"\} 1$/u.exec(line)?.[1] ?? assert.fail(line)).replace(
          /\\(.)/g,
          (_, c: string) => (c === 'n' ? '\n' : c),
        ),
      )
      assert.deepEqual(read, values)
    }),
  )
})

test('a value that cannot be had is not told', async () => {
  const none = measured('gauge', 'none', 'Nothing', () => undefined)
  assert.equal(await textOf(none), '# HELP none Nothing\n# TYPE none gauge\n')
})

test('of this process everything is told that its dashboards ask for', async () => {
  const text = await textOf(...processFamilies())
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  assert.ok(value('process_cpu_seconds_total') > 0)
  assert.ok(value('process_resident_memory_bytes') > 10e6)
  assert.ok(value('process_open_fds') >= 3)
  assert.ok(value('process_max_fds') >= value('process_open_fds'))
  assert.ok(Math.abs(value('process_start_time_seconds') - (Date.now() / 1000 - process.uptime())) < 5)
})

/** A family of `lines` series. `ended`: how many were read, by whoever read it first. */
function long(lines: number): Family & { ended: Promise<number> } {
  const { promise: ended, resolve } = Promise.withResolvers<number>()
  return {
    name: 'long_total',
    help: 'Many',
    type: 'counter',
    ended,
    *samples() {
      let read = 0
      try {
        for (; read < lines; read++) yield `long_total{n="${read}"} 1\n`
      } finally {
        resolve(read)
      }
    },
  }
}

test('a hundred thousand series come in pieces, and others have their turn in between', async () => {
  let turns = 0
  const count = (): void => {
    turns++
    next = setImmediate(count)
  }
  let next = setImmediate(count)
  let longest = 0
  let lines = 0
  for await (const piece of exposition([long(100_000)])) {
    longest = Math.max(longest, piece.length)
    lines += piece.split('\n').length - 1
  }
  clearImmediate(next)
  assert.equal(lines, 100_002)
  assert.ok(longest < 20_000, `a piece of ${longest} characters`)
  assert.ok(turns > 5, `${turns} turns`)
})

async function serve(families: Family[]) {
  const failures: unknown[] = []
  const server = createServer((request, response) => {
    writeExposition(families, request, response).catch((error: unknown) => failures.push(error))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    failures,
    async ask(method = 'GET'): Promise<IncomingMessage> {
      const request = get({ port, host: '127.0.0.1', method, agent: false })
      return (await once(request, 'response'))[0] as IncomingMessage
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

test('a scrape has the content type of the format; other methods are refused', async () => {
  const one = counter('one_total', 'One', [])
  one.of().add()
  await using server = await serve([one])
  const response = await server.ask()
  assert.equal(response.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  assert.match((await response.setEncoding('utf8').toArray()).join(''), /^one_total 1$/m)
  const head = await server.ask('HEAD')
  assert.equal(head.statusCode, 200)
  assert.deepEqual(await head.toArray(), [])
  assert.equal((await server.ask('POST')).statusCode, 405)
  assert.deepEqual(server.failures, [])
})

test('a scraper that goes away ends the reading, and is no failure', async () => {
  const many = long(10_000_000)
  await using server = await serve([many])
  const response = await server.ask()
  await once(response, 'data')
  response.destroy()
  assert.ok((await many.ended) < 10_000_000)
  await server.ask('HEAD')
  assert.deepEqual(server.failures, [])
})

test('when a family cannot be read the answer breaks off, so that the scrape counts as failed', async () => {
  const broken: Family = {
    name: 'broken',
    help: '',
    type: 'gauge',
    // oxlint-disable-next-line require-yield
    *samples() {
      throw new Error('no such table')
    },
  }
  await using server = await serve([long(1000), broken])
  await assert.rejects(
    async () => (await server.ask()).toArray(),
    (error: NodeJS.ErrnoException) => ['ECONNRESET', 'UND_ERR_SOCKET'].includes(error.code ?? ''),
  )
  assert.match(String(server.failures[0]), /no such table/)
})
