import type { Check } from '../types.ts'
import { check as selector } from './01-selector.ts'
import { check as nobodyListens } from './02-nobody-listens.ts'
import { check as targetPort } from './02-target-port.ts'
import { check as loopback } from './03-loopback.ts'
import { check as notReady } from './04-not-ready.ts'
import { check as name } from './05-name.ts'
import { check as ndots } from './06-ndots.ts'
import { check as ports } from './07-ports.ts'
import { check as ingressDenied } from './08-ingress-denied.ts'
import { check as dnsDenied } from './09-dns-denied.ts'
import { check as policy } from './10-policy.ts'
import { check as portTaken } from './11-port-taken.ts'
import { check as hairpin } from './12-hairpin.ts'
import { check as externalName } from './13-external-name.ts'
import { check as headless } from './14-headless.ts'
import { check as staleAddress } from './15-stale-address.ts'
import { check as hotPod } from './16-hot-pod.ts'
import { check as udp } from './17-udp.ts'
import { check as mtu } from './18-mtu.ts'
import { check as packetSize } from './18-packet-size.ts'
import { check as settings } from './19-settings.ts'
import { check as ranges } from './20-ranges.ts'
import { check as ping } from './22-ping.ts'
import { check as loadBalancer } from './23-load-balancer.ts'
import { check as queue } from './28-queue.ts'
import { check as whichHop } from './21-which-hop.ts'
import { check as localPolicy } from './24-local-policy.ts'
import { check as rollout } from './25-rollout.ts'
import { check as nameServer } from './26-name-server.ts'
import { check as nobody } from './27-nobody.ts'
import { check as program } from './28-program.ts'

/** Every mistake that is recognised, in the order of docs/doctor.md. From 26 on: what is none of the twenty-five, and ends requests too. */
export const checks: readonly Check[] = [
  selector,
  targetPort,
  nobodyListens,
  loopback,
  notReady,
  name,
  ndots,
  ports,
  ingressDenied,
  dnsDenied,
  policy,
  portTaken,
  hairpin,
  externalName,
  headless,
  staleAddress,
  hotPod,
  udp,
  mtu,
  packetSize,
  settings,
  ranges,
  ping,
  loadBalancer,
  localPolicy,
  rollout,
  nameServer,
  nobody,
  program,
  queue,
  whichHop,
]
