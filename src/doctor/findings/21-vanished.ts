import type { Case } from '../../trace/case.ts'
import type { Sighting } from '../../trace/flow/flow.ts'
import type { MachineState } from '../../trace/predict/machine.ts'
import { refusesSource } from '../../trace/predict/machine.ts'
import { sayStrange } from '../../trace/predict/say.ts'
import { refusingLine } from '../../trace/tell/refusing-line.ts'
import { ipOf } from '../../trace/tell/story.ts'
import { deleteLine } from './21-after-no.ts'

/** Why a packet was not seen again although no rule was against it. */
export interface Vanished {
  readonly say: string
  /** What to do, and on which machine. */
  readonly fix: string
  /** The same as a command for that machine. */
  readonly run?: { readonly on: string; readonly command: string }
}

/** By what the kernels said of themselves before the packet was sent; undefined where nothing of it explains that. */
export function vanished(one: Case, last: Sighting): Vanished | undefined {
  const states = one.observations.flatMap((each) => (each.kind === 'state' ? [each.state] : []))
  const here = states.find(({ place: { kind, name } }) => kind === last.place.kind && name === last.place.name)
  if (!here || last.place.kind === 'pod') return undefined
  return last.direction === 'in'
    ? (thrownAway(one, last) ?? strange(here, last))
    : (entered(states, here, last) ?? unplugged(states, here, last))
}

/** `ip route add blackhole`. */
function thrownAway({ story }: Case, last: Sighting): Vanished | undefined {
  const line = refusingLine(story, last.place, ipOf(last).destination)
  return line && { say: line.say, ...onMachine(last, deleteLine(line.text)) }
}

/** rp_filter. */
function strange(here: MachineState, last: Sighting): Vanished | undefined {
  const { source, destination } = ipOf(last)
  const card = here.devices.find(({ name }) => name === last.device)?.bridge ?? last.device
  if (!refusesSource(here, { source, destination }, card)) return undefined
  const { say } = sayStrange(here, source, card)
  const at = last.place.name
  return {
    say,
    fix: `mend the way of ${at} to ${source} (ip route get ${source} there), or set rp_filter to 0 for ${card} and for all`,
  }
}

/** `ip neigh replace ... nud permanent`: nobody is asked, so nobody can say that it is wrong. */
function entered(states: readonly MachineState[], here: MachineState, last: Sighting): Vanished | undefined {
  const mac = last.frame.destination
  const entry = here.neighbours?.find((one) => one.mac === mac)
  if (!entry || states.some(({ devices }) => devices.some((one) => one.mac === mac))) return undefined
  const say = `it was sent to the Ethernet address ${mac}, which somebody entered there for ${entry.address} (permanent), and none of the machines that were watched has that`
  return { say, ...onMachine(last, `ip neigh del ${entry.address} dev ${entry.device}`) }
}

/** The cable of the pod that it was for: one of its two ends is down. */
function unplugged(states: readonly MachineState[], here: MachineState, last: Sighting): Vanished | undefined {
  const { destination } = ipOf(last)
  const pod = states.find(
    ({ place, addresses }) =>
      place.kind === 'pod' &&
      place.node === here.place.name &&
      addresses.some(({ address }) => address === destination),
  )
  const card = pod?.devices.find(({ name }) => name === 'eth0')
  if (!pod || !card) return undefined
  if (!card.up)
    return { say: `eth0 of pod ${pod.place.name} is down`, fix: `in the pod: ip link set eth0 up, or delete the pod` }
  const port = here.devices.find(({ index }) => index === card.peer)
  if (!port || port.up) return undefined
  return {
    say: `${port.name}, its end of pod ${pod.place.name}’s cable, is down`,
    ...onMachine(last, `ip link set ${port.name} up`),
  }
}

function onMachine({ place: { name } }: Sighting, command: string): Pick<Vanished, 'fix' | 'run'> {
  return { fix: `on ${name}: ${command}`, run: { on: name, command } }
}
