import { ApiError } from '../api/client/client.ts'
import { connect } from '../api/client/http.ts'
import { connectionFrom } from '../api/client/kubeconfig.ts'
import { Transport } from '../api/client/transport.ts'
import { KubehopError } from '../base/errors.ts'
import { visible } from '../base/visible.ts'
import { type Diagnosis, diagnosisOf } from '../doctor/diagnosis.ts'
import { lookAt } from '../doctor/look.ts'
import type { View, Workload } from '../doctor/types.ts'
import { answerTime } from '../lab/answer-time.ts'
import { chooseLab } from '../lab/choose.ts'
import { doctorPath, noNamespace } from '../lab/doctor.ts'
import { kubeconfigOf } from '../lab/folder.ts'
import { sayAway } from './away.ts'
import { doctor, type DoctorBody, type Where } from './doctor.ts'
import { type Patience, patience } from './patience.ts'
import { isWrongQuestion } from './trace-command.ts'

/** A lab's supervisor looks for itself, with the kernels of its nodes; any other cluster is looked at from here, by its objects. */
export async function doctorCommand(args: string[]): Promise<number> {
  try {
    return await doctor(args, {
      diagnose: (body, where) => (where.kind === 'lab' ? inLab(body, where.name) : elsewhere(body, where)),
    })
  } catch (error) {
    // A pod or a namespace that is not there: 1 would say that the cluster is ill.
    if (!isWrongQuestion(error) && !isNoNamespace(error)) throw error
    console.error(`kubehop doctor: ${visible(error.plain ?? error.message)}`)
    return 2
  }
}

function isNoNamespace(error: unknown): error is Error & { plain?: string } {
  if (error instanceof ApiError) return error.code === 404 && error.reason === 'NotFound'
  return error instanceof KubehopError && error.room === 'doctor' && error.code === 'NotFound'
}

async function inLab(body: DoctorBody, name: string | undefined): Promise<Diagnosis> {
  const connection = await connectionFrom(kubeconfigOf(chooseLab(name).name))
  const transport = new Transport(connection)
  try {
    return (await transport.call(
      { method: 'POST', path: doctorPath, body },
      answerTime(body.for?.timeoutMs),
    )) as Diagnosis
  } catch (error) {
    throw sayAway('doctor', connection.server, error)
  } finally {
    transport.close()
  }
}

async function elsewhere(
  body: DoctorBody,
  { path, context, timeoutMs }: Extract<Where, { kind: 'kubeconfig' }>,
): Promise<Diagnosis> {
  const connection = await connectionFrom(path, context)
  const client = connect(connection)
  const transport = new Transport(connection)
  const within = patience('doctor', connection.server, client, timeoutMs)
  try {
    const [look, workloads] = await Promise.all([
      lookAt(within.client, 'cluster.local'),
      workloadsOf(transport, within),
    ])
    const { cluster, events, policies, namespaces, untold } = look
    const { namespace } = body
    const known = namespaces.length === 0 || namespaces.some(({ metadata }) => metadata.name === namespace)
    if (namespace !== undefined && !known)
      throw new KubehopError('doctor', 'look', 'NotFound', noNamespace(namespace, namespaces))
    const view: View = {
      cluster,
      events,
      policies,
      namespaces,
      workloads,
      machines: [],
      now: Date.now(),
      ...(namespace !== undefined && { namespace }),
    }
    return diagnosisOf(view, untold)
  } catch (error) {
    throw sayAway('doctor', connection.server, error)
  } finally {
    within.end()
    client.close()
    transport.close()
  }
}

/** What makes pods and is not served by a lab; a server without one of them, or that hides it, has none to tell. */
async function workloadsOf(transport: Transport, within: Patience): Promise<Workload[]> {
  const list = async <T>(path: string, resource: string): Promise<T[]> => {
    try {
      const answer = await within.of(resource, transport.call({ method: 'GET', path }, within.signal))
      return (answer as { items?: T[] }).items ?? []
    } catch (error) {
      if (error instanceof ApiError) return []
      throw error
    }
  }
  const [sets, daemons, crons] = await Promise.all([
    list<Workload>('/apis/apps/v1/statefulsets', 'statefulsets.apps'),
    list<Workload>('/apis/apps/v1/daemonsets', 'daemonsets.apps'),
    list<CronJob>('/apis/batch/v1/cronjobs', 'cronjobs.batch'),
  ])
  return [
    ...sets.map((one) => ({ ...one, apiVersion: 'apps/v1', kind: 'StatefulSet' })),
    ...daemons.map((one) => ({ ...one, apiVersion: 'apps/v1', kind: 'DaemonSet' })),
    ...crons.map(({ metadata, spec }) => ({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata,
      spec: { template: spec.jobTemplate.spec.template },
    })),
  ]
}

interface CronJob {
  readonly metadata: Workload['metadata']
  readonly spec: { readonly jobTemplate: { readonly spec: { readonly template: Workload['spec']['template'] } } }
}
