import { readFileSync } from 'node:fs'
import { arch, availableParallelism, release, totalmem } from 'node:os'
import type { New } from '../api/client/client.ts'
import type { Node } from '../api/objects/node.ts'
import type { Condition } from '../api/objects/meta.ts'
import type { Address } from '../base/address.ts'
import { version } from '../base/version.ts'

export const agentPort = 10250
/** A node's /24 has 253 addresses for pods, and one that was just freed rests; kubelet's default of 110 is meant for machines that are alone. */
const maxPods = '240'

/** The Node object by which an agent makes itself known (k8s.io/api core/v1 Node). */
export function describeNode(name: string, address: Address): New<Node> {
  const room = { cpu: String(availableParallelism()), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: maxPods }
  const machine = arch() === 'x64' ? 'amd64' : arch()
  return {
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': machine,
        'beta.kubernetes.io/os': 'linux',
        'beta.kubernetes.io/arch': machine,
      },
    },
    spec: {},
    status: {
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
      capacity: room,
      allocatable: room,
      conditions: [readiness(false, 'the pod network is being set up', new Date())],
      daemonEndpoints: { kubeletEndpoint: { Port: agentPort } },
      nodeInfo: {
        machineID: read('/etc/machine-id'),
        systemUUID: '',
        bootID: read('/proc/sys/kernel/random/boot_id'),
        kernelVersion: release(),
        osImage: osImage(),
        containerRuntimeVersion: `kubehop://${version}`,
        kubeletVersion: `v${version}`,
        kubeProxyVersion: `v${version}`,
        operatingSystem: 'linux',
        architecture: machine,
      },
    },
  }
}

/** The condition that the scheduler and `kubectl get nodes` look at. */
export function readiness(ready: boolean, message: string, now: Date): Condition {
  return {
    type: 'Ready',
    status: ready ? 'True' : 'False',
    reason: ready ? 'KubehopReady' : 'NetworkNotReady',
    message,
    lastHeartbeatTime: now.toISOString(),
    lastTransitionTime: now.toISOString(),
  }
}

function osImage(): string {
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(read('/etc/os-release'))?.[1] ?? 'Linux'
}

/** Facts for people: a file that is not there leaves its field empty. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}
