import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex, Readable } from 'node:stream'
import { KubehopError } from '../base/errors.ts'
import type { Attachment } from './container/attach.ts'
import type { ExecOptions, Execution } from './container/exec.ts'
import type { ContainerLife } from './container/life.ts'
import { type LogOptions, readLog } from './log/reader.ts'
import { filesOf } from './log/rotation.ts'
import { podPaths } from './paths.ts'
import type { PodLife } from './pod-life.ts'
import { connectInPod } from './port-forward.ts'
import { waitingReason } from './status.ts'

/** What others ask of the pods of a node. */
export interface PodRequests {
  /** What a container printed. Throws NotFound, or Invalid when it has not started, or has no instance before. */
  logs(namespace: string, pod: string, container: string, options?: LogOptions): Readable
  exec(namespace: string, pod: string, container: string, options: ExecOptions): Promise<Execution>
  /** A container's own streams from now on. Throws NotFound, or Invalid when it does not run. */
  attach(namespace: string, pod: string, container: string, options?: { stdin?: boolean }): Attachment
  /** A connection to a port of the pod, made inside it. Rejects with NotFound, Invalid when the pod does not run, or Refused. */
  connect(namespace: string, pod: string, port: number): Promise<Duplex>
  /** `/proc/<pause>/ns/net`, or undefined when the pod has no sandbox here. */
  netnsOf(namespace: string, pod: string): string | undefined
  /** The text of a pod's own /etc/resolv.conf or /etc/hosts. */
  fileOf(namespace: string, pod: string, file: 'resolv.conf' | 'hosts'): string
}

/** `lives`: the pods of the node by their uids; of two with one name the last one counts. */
export function podRequests(lives: ReadonlyMap<string, PodLife>, nodeName: string, stateDir: string): PodRequests {
  const find = (namespace: string, name: string): PodLife => {
    const found = [...lives.values()].filter(({ id }) => id.namespace === namespace && id.name === name).at(-1)
    if (!found) throw notFound(`pod ${namespace}/${name} is not on node ${nodeName}`)
    return found
  }
  const containerOf = (namespace: string, name: string, container: string): ContainerLife => {
    const found = find(namespace, name).container(container)
    if (!found) throw notFound(`container ${container} is not valid for pod ${name}`)
    return found
  }
  const netnsOf = (namespace: string, name: string): string | undefined => {
    const { sandbox } = find(namespace, name)
    return sandbox && `/proc/${sandbox.pause.pid}/ns/net`
  }
  return {
    logs(namespace, name, container, options = {}) {
      const life = containerOf(namespace, name, container)
      const { resume, previous = false } = options
      const found = resume ? logWith(life, resume.from.id) : life.log(previous)
      if (found) return readLog(found.path, options, found.writer)
      if (resume)
        throw invalid('logs', 'the log has grown so much since that where this reading began is no longer kept')
      if (previous) throw invalid('logs', `previous terminated container "${container}" in pod "${name}" not found`)
      const why = waitingReason(find(namespace, name).pod, container, life.facts)
      throw invalid('logs', `container "${container}" in pod "${name}" is waiting to start: ${why}`)
    },
    exec: (namespace, name, container, options) => containerOf(namespace, name, container).exec(options),
    attach: (namespace, name, container, { stdin = false } = {}) =>
      containerOf(namespace, name, container).attach(stdin),
    async connect(namespace, name, port) {
      const netns = netnsOf(namespace, name)
      if (netns === undefined) throw invalid('port-forward', `pod ${name} is not running`)
      return connectInPod(netns, port)
    },
    netnsOf,
    fileOf: (namespace, name, file) =>
      readFileSync(join(podPaths(stateDir, find(namespace, name).id).etc, file), 'utf8'),
  }
}

/** The log, of this or the last instance, that has this file; another one's beginning would be no continuation. */
function logWith(life: ContainerLife, id: string): ReturnType<ContainerLife['log']> {
  return [life.log(false), life.log(true)].find((log) => log && filesOf(log.path).some((file) => file.id === id))
}

function notFound(say: string): KubehopError {
  return new KubehopError('pod', 'find', 'NotFound', say)
}

function invalid(op: string, say: string): KubehopError {
  return new KubehopError('pod', op, 'Invalid', say)
}
