import { type AnyObject, jsonOf } from '../json.ts'
import type { KindName, Kinds } from '../objects/index.ts'
import type { Resource } from '../resources.ts'
import { type Include, metadataOnly } from './forms.ts'
import type { Column, Columns } from './tables/column.ts'
import { networkPolicyColumns } from './tables/networkpolicy.ts'
import { nodeColumns } from './tables/node.ts'
import { podColumns } from './tables/pod.ts'
import { endpointSliceColumns, serviceColumns } from './tables/service.ts'
import {
  configMapColumns,
  eventColumns,
  leaseColumns,
  namespaceColumns,
  secretColumns,
  serviceAccountColumns,
} from './tables/simple.ts'
import { traceColumns } from './tables/trace.ts'
import { deploymentColumns, replicaSetColumns } from './tables/workload.ts'

const columns: { [K in KindName]: Columns<Kinds[K]> } = {
  ConfigMap: configMapColumns,
  Deployment: deploymentColumns,
  EndpointSlice: endpointSliceColumns,
  Event: eventColumns,
  Lease: leaseColumns,
  Namespace: namespaceColumns,
  NetworkPolicy: networkPolicyColumns,
  Node: nodeColumns,
  Pod: podColumns,
  ReplicaSet: replicaSetColumns,
  Secret: secretColumns,
  Service: serviceColumns,
  ServiceAccount: serviceAccountColumns,
  Trace: traceColumns,
}

/** The table that kubectl prints: columns as kube-apiserver names them, the wide ones with priority 1. */
export function tableOf(
  resource: Resource,
  objects: readonly AnyObject[],
  include: Include,
  resourceVersion: string | undefined,
  withColumns = true,
): object {
  const own = columns[resource.kind] as unknown as Columns<AnyObject>
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: resourceVersion ?? '' },
    columnDefinitions: withColumns ? own.map(definition) : null,
    rows: objects.map((object) => ({
      cells: own.map((column) => column.cell(object)),
      ...(include === 'None'
        ? {}
        : { object: include === 'Object' ? JSON.parse(jsonOf(object)) : metadataOnly(object) }),
    })),
  }
}

function definition({ name, type, wide, say }: Column<AnyObject>): object {
  return {
    name,
    type: type ?? 'string',
    format: name === 'Name' ? 'name' : '',
    description: say ?? '',
    priority: wide ? 1 : 0,
  }
}
