import { breather } from '../../base/metrics/breather.ts'
import { type Family, labelsText, numberText } from '../../base/metrics/family.ts'

/** What the kernel has counted for one port of a service; `direction` where the two are told apart. */
export interface ServiceCounters {
  readonly namespace: string
  readonly name: string
  readonly port: string | number
  readonly protocol: string
  readonly direction?: 'in' | 'out'
  readonly connections?: number
  readonly packets?: number
  readonly bytes?: number
}

type Counted = 'connections' | 'packets' | 'bytes'

/** How many rows are passed between two looks at the clock, and told together. */
const stride = 64

/**
 * Families of one scrape. The kernel is read once, while the first family is told; what the others need is kept until then as numbers, not as text.
 */
export function serviceFamilies(read: () => AsyncIterable<ServiceCounters>): Family[] {
  let rest: ServiceCounters[] = []
  return [
    family('connections', 'Connections opened to a port of a service', async function* () {
      for await (const row of read()) {
        if (row.packets !== undefined || row.bytes !== undefined) rest.push(row)
        yield row
      }
    }),
    family('packets', 'Packets to and from a port of a service', () => rest),
    family('bytes', 'Bytes to and from a port of a service', () => {
      const last = rest
      rest = []
      return last
    }),
  ]
}

function family(
  counted: Counted,
  help: string,
  rows: () => Iterable<ServiceCounters> | AsyncIterable<ServiceCounters>,
): Family {
  const name = `kubehop_service_${counted}_total`
  return {
    name,
    help,
    type: 'counter',
    async *samples() {
      const breathe = breather()
      let lines = ''
      let passed = 0
      for await (const row of rows()) {
        const value = row[counted]
        if (value !== undefined) lines += `${name}${labelsOf(row)} ${numberText(value)}\n`
        if (++passed % stride !== 0) continue
        yield lines
        lines = ''
        if (breathe.due()) await breathe.pause()
      }
      yield lines
    },
  }
}

const names = ['namespace', 'service', 'port', 'protocol']
const namesWithDirection = [...names, 'direction']

function labelsOf({ namespace, name, port, protocol, direction }: ServiceCounters): string {
  const values = [namespace, name, String(port), protocol]
  return direction === undefined ? labelsText(names, values) : labelsText(namesWithDirection, [...values, direction])
}
