import type { Client } from '../../src/api/client/client.ts'
import { serviceNameLabel } from '../../src/api/objects/endpointslice.ts'

const atOnce = 32

/** Objects alone: pods on a node that is not there, and services over them. */
export async function crowd(client: Client, pods: number, services: number): Promise<void> {
  await client.create('Namespace', { metadata: { name: 'crowd' } })
  await each(pods, async (at) => {
    const name = `pod-${at}`
    await client.create('Pod', {
      metadata: { name, namespace: 'crowd', labels: { app: `service-${at % services}` } },
      spec: { nodeName: 'elsewhere', containers: [{ name: 'main', image: 'host' }] },
    })
    const conditions = [{ type: 'Ready', status: 'True' } as const]
    await client.patch(
      'Pod',
      name,
      'crowd',
      { status: { phase: 'Running', podIP: addressOf(at), conditions } },
      'status',
    )
  })
  await each(services, async (at) => {
    const metadata = { name: `service-${at}`, namespace: 'crowd' }
    await client.create('Service', { metadata, spec: { ports: [{ port: 80, targetPort: 8080 }] } })
    const own = Array.from({ length: Math.ceil(pods / services) }, (_, step) => at + step * services).filter(
      (one) => one < pods,
    )
    await client.create('EndpointSlice', {
      metadata: { ...metadata, labels: { [serviceNameLabel]: metadata.name } },
      addressType: 'IPv4',
      ports: [{ name: '', port: 8080, protocol: 'TCP' }],
      endpoints: own.map((one) => ({ addresses: [addressOf(one)], conditions: { ready: true } })),
    })
  })
}

/** Of the pods' range, and of no node's. */
function addressOf(at: number): string {
  return `100.127.${Math.floor(at / 250)}.${1 + (at % 250)}`
}

async function each(count: number, make: (at: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count) await make(next++)
    }),
  )
}
