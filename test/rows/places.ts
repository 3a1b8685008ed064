// Who is where in the cluster of the rows.

/** Pods of the node whose rules are asked. Each may be an endpoint; the first is the one that mostly asks. */
export const pod = '100.96.1.2'
export const podA = '100.96.1.3'
export const podB = '100.96.1.4'
export const podC = '100.96.1.5'
export const podD = '100.96.1.6'

/** Pods of other nodes: all of 100.96.2.0/24 and 100.97.0.0/16. */
export const farPod = '100.96.2.2'
export const otherFarPod = '100.96.2.3'

/** The node: the address that answers node ports, one that does not, and the bridge of its pods. */
export const nodeAddress = '192.168.50.11'
export const otherAddress = '192.168.51.11'
export const gateway = '100.96.1.1'
export const localhost = '127.0.0.1'
/** A load balancer's address that the node has itself, as some load balancers set it up. */
export const ownVip = '203.0.113.40'

export const ownAddresses: ReadonlySet<string> = new Set([nodeAddress, otherAddress, gateway, localhost, ownVip])

/** Machines beside the node, in 192.168.50.64/27; they send everything by way of the node. */
export const friend = '192.168.50.70'
export const stranger = '192.168.50.77'
export const passerBy = '192.168.50.90'
/** The way to everything else, and a machine of its own. */
export const router = '192.168.50.1'
