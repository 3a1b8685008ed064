/** A word of the trade, for somebody who meets it for the first time. */
export interface Word {
  readonly word: string
  /** Where it is met: in a line of a trace, or in another word's explanation. */
  readonly met: RegExp
  /** One or two sentences. Words of the trade in it are explained too. */
  readonly say: string
}

/** In the order in which a request meets them. */
export const glossary: readonly Word[] = [
  {
    word: 'pod',
    met: /\bpods?\b/,
    say: 'One or several containers that run together on one node and share one network: one address, one localhost, one set of ports.',
  },
  { word: 'node', met: /\bnodes?\b/, say: 'A machine of the cluster, on which pods run.' },
  {
    word: 'address',
    met: /\baddress(es)?\b|\b\d+\.\d+\.\d+\.\d+\b/,
    say: 'The number under which a network card is reached. Written as 100.96.1.2:8080 it is followed by the port of the program.',
  },
  {
    word: 'port',
    met: /\bports?\b/,
    say: 'A number from 1 to 65535 that says which program on a machine a packet is for. A program takes part by listening on it.',
  },
  {
    word: 'packet',
    met: /\bpackets?\b/,
    say: 'A piece of data that travels alone, with the addresses of its sender and its receiver in front.',
  },
  {
    word: 'eth0',
    met: /\beth0\b/,
    say: 'The network card of a pod or a node. A pod’s is virtual: one end of a cable whose other end is on the node.',
  },
  {
    word: 'veth',
    met: /\bveth\w*\b/,
    say: 'The node’s end of the virtual cable to a pod (Linux calls such a cable a veth pair). What goes in at one end comes out at the other.',
  },
  {
    word: 'cbr0',
    met: /\bcbr0\b|\bbridges?\b/,
    say: 'The node’s bridge: it joins the cables of its pods, as a switch joins machines. It remembers behind which cable it has seen an Ethernet address.',
  },
  {
    word: 'who has ...?',
    met: /who has |\bARP\b|neighbour/,
    say: 'ARP: to send to an address on its own network, a machine asks everybody there who has it, and remembers the Ethernet address of whoever answers: its neighbour.',
  },
  {
    word: 'Ethernet address',
    met: /Ethernet address/,
    say: 'The number of a network card itself, as 0a:58:64:60:01:02. It counts on one wire or bridge only and is never seen beyond.',
  },
  {
    word: 'gateway',
    met: /\bgateway\b/,
    say: 'The machine to which everything goes that is not on one’s own network. For a pod it is its node.',
  },
  {
    word: 'route',
    met: /\broutes?\b|\btable\b|\brouter\b|in my range/,
    say: 'A line of a table that says where packets go next: “to 100.96.2.0/24 by way of 192.168.50.12”. The most exact line counts.',
  },
  {
    word: 'range',
    met: /\branges?\b|\/\d{1,2}\b/,
    say: 'Addresses that begin alike: 100.96.2.0/24 is everything from 100.96.2.0 to 100.96.2.255. Every node has one for its pods.',
  },
  {
    word: 'service',
    met: /\bservices?\b/,
    say: 'One address and name that stay, for pods that come and go. No machine has that address: each node replaces it in passing packets by one pod’s.',
  },
  {
    word: 'endpoint',
    met: /\bendpoints?\b|endpoint slice/,
    say: 'A pod’s address and port behind a service. Kubernetes keeps the list of the ready ones in objects called endpoint slices.',
  },
  {
    word: 'proxy',
    met: /\bproxy\b/,
    say: 'The part on every node that teaches its kernel which service address stands for which pods (kube-proxy’s job). Packets do not pass through a program: the kernel rewrites them.',
  },
  {
    word: 'becomes',
    met: /\bbecomes\b|put back|\bDNAT\b|translat/,
    say: 'Address translation: the kernel writes another address or port into the packet (a new destination is called DNAT). For answers it is put back, so that the asker hears from whom it asked.',
  },
  {
    word: 'masquerade',
    met: /masquerad|\bSNAT\b|the sender becomes/,
    say: 'Translation of the sender: the packet gets the node’s own address, so that the answer comes back by this node (also called SNAT).',
  },
  {
    word: 'conntrack',
    met: /\bconntrack\b|connection tracking/,
    say: 'The kernel’s memory of connections that it has translated: by it, later packets and answers are translated the same way.',
  },
  {
    word: 'node port',
    met: /node ?port/i,
    say: 'A port that every node keeps for one service, so that it can be reached from outside by any node’s address.',
  },
  {
    word: 'rule',
    met: /\brules?\b|nf_tables/,
    say: 'What the kernel’s packet filter (nf_tables) does with packets that look a certain way: let through, rewrite, refuse, throw away.',
  },
  {
    word: 'SYN',
    met: /\bSYN\b|connection stands/,
    say: 'The first packet of a TCP connection: “may I?”. SYN+ACK is “yes”; after that the connection stands.',
  },
  {
    word: 'RST',
    met: /\bRST\b|\breset\b/,
    say: 'A TCP packet that says no: nobody listens on that port, or a rule is against it. The program gets “connection refused”.',
  },
  {
    word: 'ICMP',
    met: /\bICMP\b|\bicmp\b/i,
    say: 'Messages between machines about packets: “nobody is there”, “too large”, and the question and answer of ping.',
  },
  {
    word: 'TCP',
    met: /\btcp\b/i,
    say: 'A connection between two programs: everything arrives, in order, or the sender is told that it did not.',
  },
  {
    word: 'UDP',
    met: /\budp\b|\bdatagrams?\b/i,
    say: 'Single packets (datagrams) without a connection: nobody promises that they arrive, or that an answer comes.',
  },
  {
    word: 'DNS',
    met: /\bDNS\b|\bquestions?\b|name server/,
    say: 'What turns names into addresses: a program asks the name server that its /etc/resolv.conf names. In a cluster that is itself a service.',
  },
  {
    word: 'search list',
    met: /search (list|domain)|\bndots\b/,
    say: 'Endings that are tried in turn after a short name: “web” is asked for as web.shop.svc.cluster.local first. ndots says how many dots make a name long enough to be tried as it is first.',
  },
  {
    word: 'NXDOMAIN',
    met: /\bNXDOMAIN\b/,
    say: 'A name server’s “there is no such name”. The next ending of the search list is tried then.',
  },
  {
    word: 'CNAME',
    met: /\bCNAME\b|ExternalName/,
    say: 'An answer that is another name: “ask for that instead”. A service of type ExternalName is nothing but that.',
  },
  {
    word: 'MTU',
    met: /\bMTU\b|\bmtu\b/,
    say: 'The largest packet that a network card sends. One that is larger is cut in pieces, or refused with an ICMP message.',
  },
  {
    word: 'ttl',
    met: /\bttl\b/,
    say: 'How many more machines may pass a packet on: each one takes one off, so that none goes round for ever.',
  },
  {
    word: 'socket',
    met: /\bsockets?\b|\blistens?\b/,
    say: 'A program’s end of a connection. One that listens waits for others to connect to its port.',
  },
  {
    word: 'policy',
    met: /\bpolic(y|ies)\b/,
    say: 'A NetworkPolicy: an object that says which pods may talk to which.',
  },
]

/** The words that a text uses, and those that their explanations use, in the glossary's order. */
export function wordsIn(text: string, all: readonly Word[] = glossary): Word[] {
  const met = new Set<Word>()
  const look = (in_: string): void => {
    for (const word of all) {
      if (met.has(word) || !word.met.test(in_)) continue
      met.add(word)
      look(word.say)
    }
  }
  look(text)
  return all.filter((word) => met.has(word))
}
