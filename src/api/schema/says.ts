/** What `kubectl explain` tells, in our own words: of kinds, and of the fields that a network is made of. Kubernetes' own documentation has the rest. */
export const says: Readonly<Record<string, string>> = {
  ConfigMap: 'Settings as text, for pods to read as files or environment variables.',
  Deployment: 'Keeps a number of equal pods running, and replaces them step by step when their template changes.',
  EndpointSlice:
    'Addresses behind a service. The control loop writes them from ready pods; a service without a selector takes those you write.',
  Event: 'What happened to an object, for people: `kubectl describe` lists them.',
  Lease: "A node's sign of life: renewed every 10 s, missed after 40 s.",
  Namespace: 'A room for names. It becomes a part of the DNS names of what is in it.',
  Node: 'A machine of the cluster. `spec.podCIDR` is its range of pod addresses.',
  Pod: 'Containers that share one network: one address, one localhost, one set of ports.',
  ReplicaSet: 'Keeps a number of equal pods running; a Deployment makes one for each version of its template.',
  Secret: 'Like a ConfigMap, for what not everybody may read. Values are base64.',
  Service: 'One stable address and name for a set of pods that come and go.',
  ServiceAccount: 'Whom a pod is when it asks the API.',
  'Container.args': 'What the command gets; $(NAME) stands for an environment variable.',
  'Container.command': 'The program and its first words, without a shell. `image: host` needs it.',
  'Container.image': '`host` runs a program of this machine, with its files read-only.',
  'Container.livenessProbe': 'A container that fails it is ended and started again.',
  'Container.ports': 'Names for ports, and documentation: a port that is not listed is reachable all the same.',
  'Container.readinessProbe': 'A pod whose container fails it gets no connections from services.',
  'ContainerPort.containerPort': 'The port that the program listens on.',
  'Endpoint.addresses': 'Where this endpoint is; all of them are the same one.',
  'EndpointConditions.ready': 'Only ready endpoints get new connections.',
  'NodeSpec.podCIDR': "The range that this node's pods get their addresses from; the router sends it here.",
  'PodSpec.containers': 'They run together on one node, in one network namespace that the pause process holds.',
  'PodSpec.dnsPolicy':
    '`ClusterFirst` asks the cluster DNS; `Default` what the node asks; `None` only what dnsConfig says.',
  'PodSpec.hostname':
    'With `subdomain`, the pod gets a name of its own: HOSTNAME.SUBDOMAIN.NAMESPACE.svc.cluster.local.',
  'PodSpec.nodeName': 'The node that runs it. The scheduler fills it in; writing it yourself skips the scheduler.',
  'PodSpec.subdomain': 'The headless service under whose name the pod is found.',
  'PodStatus.podIP': 'The address of eth0 in the pod: it stays until the pod goes.',
  'ServicePort.nodePort': 'A port of every node that leads to the service.',
  'ServicePort.port': "The port at the service's address.",
  'ServicePort.targetPort':
    'The port at the pods, as a number or as the name that their container gives it. Default: the same as `port`.',
  'ServiceSpec.clusterIP':
    'The address: given out from the service range, or asked for. `None` makes the service headless: DNS answers with the pods themselves.',
  'ServiceSpec.externalName': 'The name that DNS answers with instead of an address.',
  'ServiceSpec.selector': 'The labels of the pods behind it.',
}
