import type { Service } from '../api/objects/service.ts'
import type { ConfigMap, ServiceAccount } from '../api/objects/simple.ts'
import type { Deployment } from '../api/objects/workload.ts'
import { type Address, type Cidr, formatCidr } from '../base/address.ts'

export interface DnsManifestOptions {
  /** The address that pods have in their resolv.conf. */
  clusterIP: Address
  zone: string
  /** How a container starts this program: `['node', '/opt/kubehop/kubehop.mjs']`. */
  command: readonly string[]
  replicas?: number
  /** Pod and service ranges: their reverse names are answered here and nowhere else. */
  reverse?: readonly Cidr[]
  /** Name servers for names outside the cluster; none: those are refused. */
  upstream?: readonly string[]
  /** The configuration file (docs/dns.md). Who edits the ConfigMap changes it while the server runs. */
  config?: string
}

const labels = { 'k8s-app': 'kube-dns' }
const namespace = 'kube-system'

/** The cluster's own DNS: names and labels are those of every Kubernetes cluster, so that tools find it. */
export function dnsManifests(options: DnsManifestOptions): [ServiceAccount, ConfigMap, Service, Deployment] {
  return [serviceAccount, configMap(options), service(options), deployment(options)]
}

const serviceAccount: ServiceAccount = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'cluster-dns', namespace },
}

const configFile = 'dns.yaml'
const configFolder = '/run/dns'

function configMap({
  config = '# All options: docs/dns.md. A change is in force as soon as the pod has it.\n',
}: DnsManifestOptions): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cluster-dns', namespace },
    data: { [configFile]: config },
  }
}

function service({ clusterIP }: DnsManifestOptions): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kube-dns',
      namespace,
      labels: { ...labels, 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'KubeDNS' },
    },
    spec: {
      selector: labels,
      clusterIP,
      ports: [
        { name: 'dns', protocol: 'UDP', port: 53, targetPort: 53 },
        { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: 53 },
        { name: 'metrics', protocol: 'TCP', port: 9153, targetPort: 9153 },
      ],
    },
  }
}

function deployment({ zone, command, replicas = 1, reverse = [], upstream = [] }: DnsManifestOptions): Deployment {
  const args = ['dns', '--config', `${configFolder}/${configFile}`, '--zone', zone]
  for (const range of reverse) args.push('--reverse', formatCidr(range))
  for (const server of upstream) args.push('--upstream', server)
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'cluster-dns', namespace, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: 'cluster-dns',
          // Its own resolv.conf must not lead back to itself.
          dnsPolicy: 'Default',
          terminationGracePeriodSeconds: 5,
          volumes: [{ name: 'config', configMap: { name: 'cluster-dns' } }],
          containers: [
            {
              name: 'dns',
              image: 'host',
              command: [...command],
              args,
              volumeMounts: [{ name: 'config', mountPath: configFolder }],
              ports: [
                { name: 'dns', containerPort: 53, protocol: 'UDP' },
                { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
                { name: 'metrics', containerPort: 9153, protocol: 'TCP' },
              ],
              readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1, failureThreshold: 3 },
              livenessProbe: {
                httpGet: { path: '/health', port: 8080 },
                initialDelaySeconds: 10,
                timeoutSeconds: 5,
                failureThreshold: 5,
              },
            },
          ],
        },
      },
    },
  }
}
