/** What `kubectl explain` tells, in our own words: of kinds, and of the fields that a network is made of. Kubernetes' own documentation has the rest. */
export const says: Readonly<Record<string, string>> = {
  ConfigMap: 'Settings as text, for pods to read as files or environment variables.',
  Deployment: 'Keeps a number of equal pods running, and replaces them step by step when their template changes.',
  EndpointSlice:
    'Addresses behind a service. The control loop writes them from ready pods; a service without a selector takes those you write.',
  Event: 'What happened to an object, for people: `kubectl describe` lists them.',
  Lease: "A node's sign of life: renewed every 10 s, missed after 40 s.",
  Namespace: 'A room for names. It becomes a part of the DNS names of what is in it.',
  NetworkPolicy:
    'Which connections pods may have. This version takes policies and does not enforce them: `kubehop doctor` says which have no effect.',
  Node: 'A machine of the cluster. `spec.podCIDR` is its range of pod addresses.',
  Pod: 'Containers that share one network: one address, one localhost, one set of ports.',
  ReplicaSet: 'Keeps a number of equal pods running; a Deployment makes one for each version of its template.',
  Secret: 'Like a ConfigMap, for what not everybody may read. Values are base64.',
  Service: 'One stable address and name for a set of pods that come and go.',
  ServiceAccount: 'Whom a pod is when it asks the API.',
  Trace: 'One request, sent when this object is made. Its status tells what became of it, hop by hop.',
  'Container.args': 'What the command gets; $(NAME) stands for an environment variable.',
  'Container.command': 'The program and its first words, without a shell. `image: host` needs it.',
  'Container.image':
    '`host` runs a program of this machine, with its files read-only. Any other is an image that `kubehop image` keeps, or that is pulled.',
  'Container.livenessProbe': 'A container that fails it is ended and started again.',
  'Container.ports': 'Names for ports, and documentation: a port that is not listed is reachable all the same.',
  'Container.readinessProbe': 'A pod whose container fails it gets no connections from services.',
  'ContainerPort.containerPort': 'The port that the program listens on.',
  'Endpoint.addresses': 'Where this endpoint is; all of them are the same one.',
  'EndpointConditions.ready': 'Only ready endpoints get new connections.',
  'EndpointHints.forNodes':
    'The nodes whose clients should use this endpoint, while every ready endpoint hints a node.',
  'EndpointHints.forZones':
    'The zones whose clients should use this endpoint, while every ready endpoint hints a zone. `spec.trafficDistribution` of the service asks for them.',
  'Endpoint.zone': "The label topology.kubernetes.io/zone of the endpoint's node.",
  'LoadBalancerIngress.ip':
    'An address of the load balancer. Whoever gives it out writes it here: a cloud, or you with kubectl patch --subresource=status.',
  'LoadBalancerIngress.ipMode':
    '`VIP`: nodes answer for the address. `Proxy`: the load balancer translates it before it reaches a node. Default: VIP.',
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
  'ServiceSpec.allocateLoadBalancerNodePorts':
    'Whether the ports of a LoadBalancer get node ports as well. Those that are there stay until they are taken out.',
  'ServiceSpec.externalIPs':
    'More addresses that nodes answer for the service, when packets for them are routed to a node.',
  'ServiceSpec.externalName': 'The name that DNS answers with instead of an address.',
  'ServiceSpec.externalTrafficPolicy':
    "What comes from outside goes to endpoints of any node (`Cluster`), and then they see the node as the sender; or only to endpoints of the node that it came to (`Local`), and they see the client's own address.",
  'ServiceSpec.healthCheckNodePort':
    'The port of every node that tells a load balancer whether the node has endpoints: HTTP 200 or 503. Only for LoadBalancer with externalTrafficPolicy Local.',
  'ServiceSpec.internalTrafficPolicy':
    'What comes from pods and nodes goes to endpoints of any node (`Cluster`) or of their own node only (`Local`): with none there, it is dropped.',
  'ServiceSpec.loadBalancerSourceRanges':
    "Who may send to the load balancer's addresses. Node ports are open all the same.",
  'ServiceSpec.publishNotReadyAddresses': 'Pods are endpoints although they are not ready.',
  'ServiceSpec.selector': 'The labels of the pods behind it.',
  'ServiceSpec.sessionAffinity':
    '`ClientIP`: connections of one client address go to the same endpoint, while it is there and the last connection is not too long ago.',
  'ServiceSpec.trafficDistribution':
    "Which endpoints are preferred: those of the client's node (`PreferSameNode`), then of its zone (`PreferSameZone`; `PreferClose` means the same), then all.",
  'ServiceSpec.type':
    '`ClusterIP`: an address inside the cluster. `NodePort`: also a port of every node. `LoadBalancer`: also the addresses in its status. `ExternalName`: only another name in DNS.',
  'ClientIPConfig.timeoutSeconds':
    'How long a client may be silent and still come back to the same endpoint. Default: 10800, three hours.',
}
