import type { Condition, IntOrString, KubeObject } from './meta.ts'

export interface Pod extends KubeObject {
  kind: 'Pod'
  spec: PodSpec
  status?: PodStatus
}

export interface PodSpec {
  containers: Container[]
  initContainers?: Container[]
  ephemeralContainers?: EphemeralContainer[]
  volumes?: Volume[]
  nodeName?: string
  nodeSelector?: Record<string, string>
  hostname?: string
  subdomain?: string
  setHostnameAsFQDN?: boolean
  hostAliases?: { ip: string; hostnames?: string[] }[]
  hostNetwork?: boolean
  restartPolicy?: 'Always' | 'OnFailure' | 'Never'
  terminationGracePeriodSeconds?: number
  dnsPolicy?: 'ClusterFirst' | 'ClusterFirstWithHostNet' | 'Default' | 'None'
  dnsConfig?: { nameservers?: string[]; searches?: string[]; options?: { name: string; value?: string }[] }
  enableServiceLinks?: boolean
  serviceAccountName?: string
  /** The older name of serviceAccountName; the API keeps both alike. */
  serviceAccount?: string
  automountServiceAccountToken?: boolean
  securityContext?: Record<string, unknown>
  schedulerName?: string
  priority?: number
  preemptionPolicy?: string
  activeDeadlineSeconds?: number
  hostPID?: boolean
  hostIPC?: boolean
  shareProcessNamespace?: boolean
  imagePullSecrets?: { name?: string }[]
  readinessGates?: { conditionType: string }[]
  schedulingGates?: { name: string }[]
  /** Of the pod as a whole (KEP-2837). */
  resources?: Record<string, unknown>
  tolerations?: { key?: string; operator?: string; value?: string; effect?: string; tolerationSeconds?: number }[]
}

export interface Container {
  name: string
  image?: string
  imagePullPolicy?: string
  command?: string[]
  args?: string[]
  workingDir?: string
  ports?: ContainerPort[]
  env?: EnvVar[]
  envFrom?: {
    prefix?: string
    configMapRef?: { name: string; optional?: boolean }
    secretRef?: { name: string; optional?: boolean }
  }[]
  volumeMounts?: VolumeMount[]
  readinessProbe?: Probe
  livenessProbe?: Probe
  startupProbe?: Probe
  lifecycle?: { postStart?: LifecycleHandler; preStop?: LifecycleHandler; stopSignal?: string }
  /** In the place of the pod's. Of an init container: `Always` makes it a sidecar. */
  restartPolicy?: 'Always' | 'OnFailure' | 'Never'
  restartPolicyRules?: { action: string; exitCodes?: { operator: 'In' | 'NotIn'; values?: number[] } }[]
  resources?: Record<string, unknown>
  securityContext?: Record<string, unknown>
  stdin?: boolean
  stdinOnce?: boolean
  tty?: boolean
  terminationMessagePath?: string
  terminationMessagePolicy?: string
}

/** A container that came to a pod that runs already: `kubectl debug`. It is never restarted, and nothing waits for it. */
export interface EphemeralContainer extends Container {
  /** The container whose processes it sees. */
  targetContainerName?: string
}

export interface ContainerPort {
  name?: string
  containerPort: number
  protocol?: 'TCP' | 'UDP' | 'SCTP'
  hostPort?: number
  hostIP?: string
}

export interface EnvVar {
  name: string
  value?: string
  valueFrom?: {
    fieldRef?: { apiVersion?: string; fieldPath: string }
    configMapKeyRef?: { name: string; key: string; optional?: boolean }
    secretKeyRef?: { name: string; key: string; optional?: boolean }
    resourceFieldRef?: { containerName?: string; resource: string; divisor?: string }
  }
}

export interface VolumeMount {
  name: string
  mountPath: string
  subPath?: string
  subPathExpr?: string
  readOnly?: boolean
  recursiveReadOnly?: string
}

export interface Volume {
  name: string
  emptyDir?: { medium?: string; sizeLimit?: string }
  hostPath?: { path: string; type?: string }
  configMap?: {
    name: string
    items?: { key: string; path: string; mode?: number }[]
    defaultMode?: number
    optional?: boolean
  }
  secret?: {
    secretName?: string
    items?: { key: string; path: string; mode?: number }[]
    defaultMode?: number
    optional?: boolean
  }
  downwardAPI?: { items?: DownwardFile[]; defaultMode?: number }
  projected?: { sources?: VolumeProjection[]; defaultMode?: number }
}

export interface DownwardFile {
  path: string
  fieldRef?: { apiVersion?: string; fieldPath: string }
  resourceFieldRef?: { containerName?: string; resource: string; divisor?: string }
  mode?: number
}

export interface VolumeProjection {
  configMap?: { name: string; items?: { key: string; path: string; mode?: number }[]; optional?: boolean }
  secret?: { name: string; items?: { key: string; path: string; mode?: number }[]; optional?: boolean }
  downwardAPI?: { items?: DownwardFile[] }
  serviceAccountToken?: { audience?: string; expirationSeconds?: number; path: string }
}

export interface HttpGet {
  path?: string
  port: IntOrString
  host?: string
  scheme?: 'HTTP' | 'HTTPS'
  httpHeaders?: { name: string; value: string }[]
}

export interface LifecycleHandler {
  httpGet?: HttpGet
  tcpSocket?: { port: IntOrString; host?: string }
  exec?: { command: string[] }
  sleep?: { seconds: number }
}

export interface Probe {
  httpGet?: HttpGet
  grpc?: { port: number; service?: string }
  tcpSocket?: { port: IntOrString; host?: string }
  exec?: { command: string[] }
  initialDelaySeconds?: number
  timeoutSeconds?: number
  periodSeconds?: number
  successThreshold?: number
  failureThreshold?: number
  terminationGracePeriodSeconds?: number
}

export interface PodStatus {
  phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'
  conditions?: Condition[]
  hostIP?: string
  hostIPs?: { ip: string }[]
  podIP?: string
  podIPs?: { ip: string }[]
  startTime?: string
  reason?: string
  message?: string
  qosClass?: string
  containerStatuses?: ContainerStatus[]
  initContainerStatuses?: ContainerStatus[]
  ephemeralContainerStatuses?: ContainerStatus[]
}

export interface ContainerStatus {
  name: string
  ready: boolean
  started?: boolean
  restartCount: number
  image: string
  imageID: string
  containerID?: string
  state?: ContainerState
  lastState?: ContainerState
  /** What it asked for and was given, and what it is held to (KEP-1287). */
  allocatedResources?: Record<string, string | number>
  resources?: { limits?: Record<string, string | number>; requests?: Record<string, string | number> }
}

export interface ContainerState {
  waiting?: { reason?: string; message?: string }
  running?: { startedAt: string }
  terminated?: {
    exitCode: number
    signal?: number
    reason?: string
    message?: string
    startedAt?: string
    finishedAt?: string
    containerID?: string
  }
}
