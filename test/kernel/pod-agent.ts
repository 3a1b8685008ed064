import { openNode } from './pod-world.ts'

// An agent that a test can kill: `pod-agent.ts DIR [ungrouped]` (without control groups), in the network namespace that it is started in. Its objects lie in DIR, so the next
// one finds them. It is told what to do over Node's own channel, and answers each message.

const why = 'not for this node'
const ungrouped = { groups: { place: {}, missing: { cpu: why, memory: why, pids: why } } }
const node = await openNode(process.argv[2] ?? '', process.argv[3] === 'ungrouped' ? ungrouped : {})
await node.pods.synced

const verbs: Record<string, (...args: never[]) => Promise<unknown>> = {
  run: (...args: Parameters<typeof node.run>) => node.run(...args),
  ready: (name: string) => node.ready(name),
  get: (name: string) => node.client.get('Pod', name, 'default'),
  list: async () => node.pods.list(),
  cables: async () => node.network.list(),
  logs: (...args: Parameters<typeof node.logs>) => node.logs(...args),
  exec: (...args: Parameters<typeof node.exec>) => node.exec(...args),
  /** Attaches, sends `input`, and answers with everything that was shown until `until` was. */
  talk: (name: string, input: string, until: string) => {
    const { stdin, stdout, stderr, kill, resize } = node.pods.attach('default', name, 'c', { stdin: input !== '' })
    let text = ''
    resize?.(99, 33)
    if (input !== '') stdin?.write(input)
    return new Promise<string>((resolve) => {
      for (const stream of [stdout, stderr])
        stream?.on('data', (chunk: Buffer) => {
          text += chunk.toString()
          if (!text.includes(until)) return
          kill()
          resolve(text)
        })
    })
  },
  events: (name: string) => node.events(name),
  delete: (name: string) => node.delete(name),
  /** Asks for the end of a pod and does not wait for it; {@link gone} does. */
  remove: (name: string) => node.client.delete('Pod', name, 'default', { gracePeriodSeconds: 2 }),
  gone: (name: string) => node.until(name, 'gone', (pod) => pod === undefined),
  ended: (name: string) =>
    node.until(name, 'ended', (pod) => pod?.status?.containerStatuses?.[0]?.state?.terminated !== undefined),
  restarted: (name: string, count: number) =>
    node.until(name, 'restarted', (pod) => {
      const status = pod?.status?.containerStatuses?.[0]
      return (status?.restartCount ?? 0) >= count && status?.ready === true
    }),
  /** Deletes an object behind the back of whoever runs pods. */
  forget: (name: string) => node.client.delete('Pod', name, 'default', { gracePeriodSeconds: 0 }),
  close: () => node.pods.close(),
  stopAll: () => node.pods.stopAll(),
}

process.on('message', ({ id, verb, args }: { id: number; verb: string; args: never[] }) => {
  const work = verbs[verb]?.(...args) ?? Promise.reject(new Error(`no verb ${verb}`))
  work.then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.({ id: 0 })
