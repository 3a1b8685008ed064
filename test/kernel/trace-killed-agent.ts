// An agent in a process of its own: watches by the spec it is given, says "ready", and goes on until it is killed.
import { localAgent } from '../../src/trace/agent.ts'
import type { LiveSpec } from '../../src/trace/live/spec.ts'
import type { WatchSpec } from '../../src/trace/observe/spec.ts'

const spec = JSON.parse(process.argv[2] ?? '') as WatchSpec | LiveSpec
const agent = localAgent({ node: 'node1', kind: 'node', podNetns: () => undefined, podFile: () => undefined })
for await (const one of agent.observe(spec, new AbortController().signal))
  if (one.kind === 'ready') console.log('ready')
