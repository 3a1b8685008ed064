import { cniUsage } from './cni-usage.ts'
import { traceUsage } from './trace-usage.ts'

export interface Command {
  /** One line for the overview; empty for what only Kubehop itself starts. */
  summary: string
  usage: string
  run(args: string[]): Promise<number>
}

/** Every command, in the order of the overview. Each is loaded when it is asked for. */
export const commands: Record<string, Command> = {
  up: {
    summary: 'start a lab: a whole cluster on this machine',
    usage: `usage: kubehop up [NAME] [--nodes N] [-f FILE]... [options]

  NAME                  of the lab; default: lab
  --nodes N             default: 3
  -f, --file FILE       apply this manifest (or every .yaml, .yml, .json of a folder) and wait for its pods; may be repeated
  --pod-cidr RANGE      default: 100.96.0.0/11, a /24 of it for each node
  --service-cidr RANGE  default: 100.64.0.0/13; its address .10 is DNS
  --node-cidr RANGE     default: 192.168.50.0/24, the wire between nodes
  --api-port PORT       on 127.0.0.1; default: a free one
  --zone DOMAIN         of the names of services; default: cluster.local
  --dns-config FILE     of the DNS server (docs/dns.md); later it is the ConfigMap kube-system/cluster-dns, and may be edited
  --node-dns            a DNS server on every node, which its pods ask at 169.254.20.10 instead of the service
  --timeout SECONDS     for the pods to become ready; default: 60
  --json                print the lab as JSON when it is up
  --hold                stay, and remove the lab when standard input ends, or at a signal (Ctrl-C): for programs that start a lab for themselves

Exit code 3: the lab runs, but not all pods became ready (it stays, so that you can look).`,
    run: async (args) => (await import('./up.ts')).up(args),
  },
  down: {
    summary: 'end a lab and remove everything of it',
    usage: `usage: kubehop down [NAME | --all]

Ends the lab's processes and removes its namespaces, mounts and files. Without NAME: the one lab there is.`,
    run: async (args) => (await import('./down.ts')).down(args),
  },
  status: {
    summary: 'show a lab: nodes, addresses, kubeconfig',
    usage: 'usage: kubehop status [NAME] [--json]',
    run: async (args) => (await import('./status.ts')).status(args),
  },
  kubeconfig: {
    summary: "print the path of a lab's kubeconfig",
    usage: `usage: kubehop kubeconfig [NAME]

  export KUBECONFIG=$(kubehop kubeconfig)`,
    run: async (args) => (await import('./kubeconfig.ts')).kubeconfig(args),
  },
  apply: {
    summary: 'apply manifests, as kubectl apply does',
    usage: `usage: kubehop apply [--lab NAME] -f FILE...

  -f, --file FILE   a manifest, every .yaml, .yml, .json of a folder, or - for standard input; may be repeated

Checks all files first and changes nothing when one is wrong.`,
    run: async (args) => (await import('./apply.ts')).apply(args),
  },
  image: {
    summary: 'load images from archives, pull them from registries, list and remove them',
    usage: `usage: kubehop image load FILE [--name NAME] [--lab NAME]
       kubehop image pull NAME [--insecure] [--lab NAME]
       kubehop image ls [--json] [--lab NAME]
       kubehop image rm NAME [--lab NAME]

load    the images of an archive: what docker save, podman save or an OCI layout gives, as .tar, .tar.gz or .tar.zst
  --name NAME   for an image that brings no name, or in the place of its own
pull    from the registry that NAME begins with, otherwise Docker Hub, with the credentials that \`docker login\` has kept
  --insecure    believe the registry without its certificate, and speak plain HTTP when it does
ls      what is there
rm      a name; the image goes with its last one. Or an id, as \`ls\` shows it: the image with all names. What a container uses stays until that ends

  --lab NAME    images of this lab only, which go with it; without it: those that all labs share

A pod runs them by name: \`kubectl run web --image=web:v1\`. One that waits for an image starts when it is loaded. With the tag \`latest\` Kubernetes asks a registry at
each start: give images another tag, or set imagePullPolicy: IfNotPresent.`,
    run: async (args) => (await import('./image.ts')).image(args),
  },
  trace: {
    summary: 'follow one request, hop by hop, there and back',
    usage: traceUsage,
    run: async (args) => (await import('./trace-command.ts')).traceCommand(args),
  },
  doctor: {
    summary: 'find the mistakes in a cluster, and say what to change',
    usage: `usage: kubehop doctor [NAMESPACE] [--lab NAME] [options]
       kubehop doctor [NAMESPACE] --for FROM TO [--lab NAME] [options]
       kubehop doctor [NAMESPACE] --kubeconfig FILE [--context NAME] [options]
       kubehop doctor --list

  NAMESPACE               only what concerns it; default: everything
  --for FROM TO           send this request first, as \`kubehop trace FROM TO\` does, and say why it fails
  --kubeconfig FILE       any other cluster, by its objects alone: what needs the kernels of nodes is said to be left out
  --context NAME          of that file; default: its current one
  --list                  the mistakes that are recognised, and what each is recognised by

  -v, --verbose           all evidence, and the names of checks that could not run
  -o, --output text|json|yaml   default: text
  -n, --namespace NAME    of FROM, where FROM does not say
  --strict                warnings count as errors
  --timeout SECONDS       of the request; default: 4. With --kubeconfig: for its server; default: 15

Nothing is changed: what would put a mistake right is printed as a command. docs/doctor.md says how each is recognised.
Exit code 0 when no error was found (warnings are shown), 1 when one was, or the request was not delivered, or the cluster
could not be looked at, 2 when it was asked for wrongly.`,
    run: async (args) => (await import('./doctor-command.ts')).doctorCommand(args),
  },
  demo: {
    summary: 'start a lab with the example shop, and say what to try',
    usage:
      'usage: kubehop demo\n\nThe same as `kubehop up -f examples/shop`; when it runs already, only says what to try.',
    run: async (args) => (await import('./demo.ts')).demo(args),
  },
  proxy: {
    summary: 'show the service rules of a node; run the service proxy alone',
    usage: `usage: kubehop proxy rules [NODE] [--service NAMESPACE/NAME] [--lab NAME]
       kubehop proxy run --node NAME --cluster-cidr RANGE --service-cidr RANGE [options]

rules   what the kernel of a node holds for services, in nft's own language, with the service's and the endpoint's name beside each element
  NODE                           default: the first node
  --service NAMESPACE/NAME       only what is there for this service

run     the service proxy of this machine, in the place of kube-proxy; until it is told to end (SIGTERM). The rules stay and go on serving.
  --node NAME                    of this machine's Node object
  --cluster-cidr RANGE           of all pods; who is outside is masqueraded on the way to a service
  --service-cidr RANGE           of all cluster IPs
  --kubeconfig FILE              default: the pod's own service account
  --nodeport-addresses RANGES    which addresses of this machine answer node ports: primary, or ranges with commas; default: primary
  --masquerade-all               masquerade pods too, when they speak to a cluster IP
  --healthz ADDRESS:PORT         /healthz and /livez; default: 0.0.0.0:10256; 0 for none
  --metrics ADDRESS:PORT         /metrics; default: 127.0.0.1:10249; 0 for none
  --no-service-counters          do not count connections, packets and bytes of each service
  --lock FOLDER                  held while it runs, so that a second one waits; default: /run/kubehop/proxy-ipv4`,
    run: async (args) => (await import('./proxy.ts')).proxy(args),
  },
  cni: {
    summary: 'the CNI plugin, for container runtimes to start; install it; answer for it',
    usage: cniUsage,
    run: async (args) => (await import('./cni.ts')).cni(args),
  },
  node: {
    summary: '',
    usage:
      'usage: kubehop node --name NAME --kubeconfig FILE --state FOLDER ...\n\nThe agent of one node. A lab starts its own.',
    run: async (args) => (await import('./node.ts')).node(args),
  },
  dns: {
    summary: '',
    usage: `usage: kubehop dns [--config FILE | --corefile FILE] [--zone ZONE] [--port PORT] [--upstream ADDRESS[:PORT] | FILE]... [--reverse RANGE]...

The DNS server of a cluster; runs as a pod. docs/dns.md has all options of the configuration file. It is read again when it changes, and on SIGHUP.
  --config FILE      the configuration as YAML
  --corefile FILE    a CoreDNS configuration instead, as kubeadm makes it
  --print            say what is configured, as YAML, and end

Flags count more than the file:
  --zone ZONE        default: cluster.local
  --listen ADDRESS   may be given several times; default: 0.0.0.0
  --port PORT        default: 53
  --upstream ...     who is asked for other names (FILE: the servers of a resolv.conf); without one they are refused
  --reverse RANGE    a pod or service range, whose reverse names are never asked upstream
  --ttl SECONDS      default: 30

As a node's own resolver, on the node itself and as root:
  --node-address ADDRESS  listen there only, on a device made for it; 169.254.20.10 is usual. At the end both go
  --keep-node-address     leave the device at the end: questions are refused at once, and go to the next name server of a resolv.conf
  --kubeconfig FILE       default: the pod's own service account`,
    run: async (args) => (await import('./dns.ts')).dns(args),
  },
  supervise: {
    summary: '',
    usage: 'The first process of a lab; `kubehop up` starts it.',
    run: async (args) => (await import('../lab/supervisor.ts')).supervise(args),
  },
}
