import type { types } from '../wire/message.ts'
import type { ZoneOptions } from '../zone/zone.ts'

// What cluster DNS answers, row by row, for the cluster of cluster.ts. From the Kubernetes DNS specification 1.1.0 and CoreDNS' kubernetes plugin.

export interface Row {
  /** Without a dot at the end it is in testns.svc.cluster.local. */
  readonly name: string
  readonly type: keyof typeof types | number
  /** As `summary` tells it: code, answers, `~` authorities, `+` additionals, each sorted. */
  readonly expected: string
  readonly pods?: ZoneOptions['pods']
}

type Short = readonly [name: string, type: Row['type'], expected: string, pods?: Row['pods']]

/** No such data, no such name: in the zone, and in its reverse zones. */
const nd = 'NOERROR ~SOA=cluster.local'
const nx = 'NXDOMAIN ~SOA=cluster.local'
const at = (label: string): string => `${label}.testns.svc.cluster.local`
const hdls1 = ['172-0-0-2', '172-0-0-3', '5678-abcd--1', '5678-abcd--2', 'dup-name'].map((label) =>
  at(`${label}.hdls1`),
)
const hdls1Srv =
  `NOERROR ${hdls1.map((name) => `0/16/80/${name}`).join(' ')}` +
  ' +172.0.0.2 +172.0.0.3 +172.0.0.4 +172.0.0.5 +5678:abcd::1 +5678:abcd::2'
const svc1Srv = `NOERROR 0/100/80/${at('svc1')} +10.0.0.1`
const hdls1Six = `1.${'0.'.repeat(23)}d.c.b.a.8.7.6.5.ip6.arpa.`
const dualSix = `3.${'0.'.repeat(27)}0.1.0.0.ip6.arpa.`

/** The test table, in its order. */
const table: readonly Short[] = [
  ['svc1', 'A', 'NOERROR 10.0.0.1'],
  ['svc1', 'AAAA', nd],
  ['svc1', 'TXT', nd],
  ['svc1', 'SOA', nd],
  ['svc1', 'PTR', nd],
  ['svc1', 'SRV', svc1Srv],
  ['_http._tcp.svc1', 'SRV', svc1Srv],
  ['svcempty', 'A', 'NOERROR 10.0.0.2'],
  ['svc6', 'AAAA', 'NOERROR 1234:abcd::1'],
  ['svc-dual', 'A', 'NOERROR 10.0.0.3'],
  ['svc-dual', 'AAAA', 'NOERROR 10::3'],
  ['svc-dual', 'SRV', `NOERROR 0/50/80/${at('svc-dual')} +10.0.0.3 +10::3`],
  ['hdls1', 'A', 'NOERROR 172.0.0.2 172.0.0.3 172.0.0.4 172.0.0.5'],
  ['hdls1', 'AAAA', 'NOERROR 5678:abcd::1 5678:abcd::2'],
  ['_http._tcp.hdls1', 'SRV', hdls1Srv],
  ['172-0-0-2.hdls1', 'A', 'NOERROR 172.0.0.2'],
  ['5678-abcd--1.hdls1', 'AAAA', 'NOERROR 5678:abcd::1'],
  ['dup-name.hdls1', 'A', 'NOERROR 172.0.0.4 172.0.0.5'],
  ['nosuch.hdls1', 'A', nx],
  ['nosuch.svc0', 'A', nx],
  ['svc0', 'A', nx],
  ['hdlsnp', 'A', 'NOERROR 172.0.0.20'],
  ['172-0-0-20.hdlsnp', 'A', 'NOERROR 172.0.0.20'],
  ['svc0.nosuchns.svc.cluster.local.', 'A', nx],
  ['svc0.nosuchns.svc.cluster.local.', 'TXT', nx],
  ['external', 'CNAME', 'NOERROR CNAME=ext.interwebs.test'],
  // What upstream says, and its TC, are in forward.test.ts.
  ['external', 'A', 'NOERROR CNAME=ext.interwebs.test'],
  ['external-in', 'A', `NOERROR 10.0.0.1 CNAME=${at('svc1')}`],
  ['a.external', 'CNAME', nx],
  ['a.b.external', 'CNAME', nx],
  ['svc.cluster.local.', 'A', nd],
  ['svc.cluster.local.', 'NS', nd],
  ['pod.cluster.local.', 'A', nd],
  ['pod.cluster.local.', 'NS', nd],
  ['testns.svc.cluster.local.', 'A', nd],
  ['testns.svc.cluster.local.', 'NS', nd],
  ['foo.cluster.local.', 'NS', nx],
  ['foo.svc.cluster.local.', 'NS', nx],
  ['cluster.local.', 'SOA', 'NOERROR SOA=cluster.local'],
  ['cluster.local.', 'NS', 'NOERROR NS=ns.dns.cluster.local +10.0.0.10'],
  ['cluster.local.', 'A', nd],
  ['cluster.local.', 'AAAA', nd],
  ['cluster.local.', 'SRV', nd],
  ['dns-version.cluster.local.', 'TXT', 'NOERROR "1.1.0"'],
  ['SvC1.TeStNs.SvC.ClUsTeR.lOcAl.', 'A', 'NOERROR 10.0.0.1'],
  ['10-240-0-1.podns.pod.cluster.local.', 'A', nx, 'disabled'],
  ['10-240-0-1.podns.pod.cluster.local.', 'A', 'NOERROR 10.240.0.1', 'insecure'],
  ['10-240-0-1.podns.pod.cluster.local.', 'A', 'NOERROR 10.240.0.1', 'verified'],
  ['172-0-0-2.podns.pod.cluster.local.', 'A', 'NOERROR 172.0.0.2', 'insecure'],
  ['172-0-0-2.podns.pod.cluster.local.', 'A', nx, 'verified'],
  ['blah.podns.pod.cluster.local.', 'A', nx, 'insecure'],
  ['blah.podns.pod.cluster.local.', 'AAAA', nx, 'verified'],
  ['1.0.0.10.in-addr.arpa.', 'PTR', `NOERROR PTR=${at('svc1')}`],
  ['3.0.0.172.in-addr.arpa.', 'PTR', `NOERROR PTR=${at('172-0-0-3.hdls1')}`],
  ['2.0.0.172.in-addr.arpa.', 'PTR', `NOERROR PTR=${at('172-0-0-2.hdls1')} PTR=${at('172-0-0-2.svc1')}`],
  ['99.0.0.10.in-addr.arpa.', 'PTR', 'NXDOMAIN ~SOA=0.10.in-addr.arpa'],
]

/** By the topics of the behaviour table, in its order; TTL, case, order, EDNS, TCP and what is outside are tests of their own. */
const behaviour: Readonly<Record<string, readonly Short[]>> = {
  'an address in the cluster: a record per family, with no endpoints too': [
    ['svc6', 'A', nd],
    ['svc6', 'SRV', `NOERROR 0/100/80/${at('svc6')} +1234:abcd::1`],
    ['svcempty', 'SRV', `NOERROR 0/100/80/${at('svcempty')} +10.0.0.2`],
    ['pending', 'A', nx],
  ],
  'headless: every endpoint that is ready': [
    ['starting', 'A', nx],
    ['starting', 'AAAA', nx],
    ['starting', 'SRV', nx],
    ['starting', 65, nx],
    ['eager', 'A', 'NOERROR 172.0.0.31'],
    ['eager', 'AAAA', nd],
    ['web-0.eager', 'A', 'NOERROR 172.0.0.31'],
    ['172-0-0-31.eager', 'A', nx],
  ],
  'endpoint names: the hostname, else the address': [
    ['172-0-0-2.svc1', 'A', 'NOERROR 172.0.0.2'],
    ['172-0-0-2.hdls1', 'AAAA', nd],
    ['172-0-0-2.hdls1', 'SRV', `NOERROR 0/100/80/${at('172-0-0-2.hdls1')} +172.0.0.2`],
    ['dup-name.hdls1', 'AAAA', nd],
    ['172-0-0-4.hdls1', 'A', nx],
    ['x.172-0-0-2.hdls1', 'A', nx],
    // An endpoint of an address that is a name, and one whose hostname is no label.
    ['odd', 'A', 'NOERROR 172.0.0.41'],
    ['172-0-0-41.odd', 'A', 'NOERROR 172.0.0.41'],
  ],
  'SRV: of a port, or of all': [
    ['hdls1', 'SRV', hdls1Srv],
    ['many', 'SRV', `NOERROR ${[53, 80, 99].map((port) => `0/33/${port}/${at('many')}`).join(' ')} +10.0.0.4`],
    ['_dns._udp.many', 'SRV', `NOERROR 0/100/53/${at('many')} +10.0.0.4`],
    ['_http._tcp.svc-dual', 'SRV', `NOERROR 0/50/80/${at('svc-dual')} +10.0.0.3 +10::3`],
    ['hdlsnp', 'SRV', nd],
    ['_http._udp.svc1', 'SRV', nx],
    ['_nope._tcp.svc1', 'SRV', nx],
    ['_http.svc1', 'SRV', nx],
    ['http.tcp.svc1', 'SRV', nx],
    ['a._http._tcp.svc1', 'SRV', nx],
    ['_http._tcp.172-0-0-2.hdls1', 'SRV', nx],
  ],
  'PTR: the name of a service or an endpoint': [
    ['3.0.0.10.in-addr.arpa.', 'PTR', `NOERROR PTR=${at('svc-dual')}`],
    [dualSix, 'PTR', `NOERROR PTR=${at('svc-dual')}`],
    ['4.0.0.172.in-addr.arpa.', 'PTR', `NOERROR PTR=${at('dup-name.hdls1')}`],
    [hdls1Six, 'PTR', `NOERROR PTR=${at('5678-abcd--1.hdls1')}`],
    [hdls1Six.toUpperCase(), 'PTR', `NOERROR PTR=${at('5678-abcd--1.hdls1')}`],
    ['30.0.0.172.in-addr.arpa.', 'PTR', 'NXDOMAIN ~SOA=0.172.in-addr.arpa'],
    ['1.0.0.10.in-addr.arpa.', 'A', 'NOERROR ~SOA=0.10.in-addr.arpa'],
    ['1.0.0.10.in-addr.arpa.', 'ANY', 'NOERROR "RFC8482 "'],
    ['1.0.0.10.in-addr.arpa.', 'AXFR', 'REFUSED'],
  ],
  'TXT: the version of the specification': [
    ['dns-version.cluster.local.', 'A', nd],
    ['x.dns-version.cluster.local.', 'TXT', nx],
  ],
  'ExternalName: an alias, followed a few steps': [
    ['external', 'AAAA', 'NOERROR CNAME=ext.interwebs.test'],
    ['external', 'SRV', 'NOERROR CNAME=ext.interwebs.test'],
    ['external', 'ANY', 'NOERROR CNAME=ext.interwebs.test'],
    ['_http._tcp.external', 'SRV', nx],
    ['external-in', 'AAAA', `NOERROR CNAME=${at('svc1')} ~SOA=cluster.local`],
    ['external-in', 'SRV', `NOERROR 0/100/80/${at('svc1')} CNAME=${at('svc1')} +10.0.0.1`],
    ['external-in', 'CNAME', `NOERROR CNAME=${at('svc1')}`],
    ['external-2', 'A', `NOERROR 10.0.0.1 CNAME=${at('external-in')} CNAME=${at('svc1')}`],
    ['external-apex', 'A', 'NOERROR CNAME=cluster.local ~SOA=cluster.local'],
    ['external-pod', 'A', 'NOERROR 10.240.0.1 CNAME=10-240-0-1.podns.pod.cluster.local'],
    ['external-arpa', 'PTR', `NOERROR CNAME=1.0.0.10.in-addr.arpa PTR=${at('svc1')}`],
    ['external-gone', 'A', `NXDOMAIN CNAME=${at('nosuch')} ~SOA=cluster.local`],
    // An address is no name.
    ['external-ip', 'A', nx],
    ['circle', 'A', 'SERVFAIL'],
    ['circle-2', 'A', 'SERVFAIL'],
    ['circle', 'CNAME', `NOERROR CNAME=${at('circle')}`],
  ],
  'the apex, and the name server': [
    ['cluster.local.', 'TXT', nd],
    ['cluster.local.', 'ANY', 'NOERROR "RFC8482 "'],
    ['ns.dns.cluster.local.', 'A', 'NOERROR 10.0.0.10'],
    ['ns.dns.cluster.local.', 'AAAA', nd],
    ['dns.cluster.local.', 'A', nd],
    ['x.dns.cluster.local.', 'A', nx],
    ['x.ns.dns.cluster.local.', 'A', nx],
  ],
  'names that others stand below are there (RFC 8020)': [
    ['_tcp.svc1', 'SRV', nd],
    ['_tcp.svc1', 'A', nd],
    ['_udp.many', 'SRV', nd],
    ['_udp.svc1', 'SRV', nx],
    ['_http._tcp.svc1', 'A', nd],
    ['nosuchns.svc.cluster.local.', 'A', nx],
    ['podns.pod.cluster.local.', 'A', nd],
    ['podns.pod.cluster.local.', 'A', nx, 'disabled'],
    ['nosuchns.pod.cluster.local.', 'A', nx],
    ['svc1.testns.foo.cluster.local.', 'A', nx],
    ['svc1.podns.svc.cluster.local.', 'A', nx],
    ['a.b.c.d.e.f.testns.svc.cluster.local.', 'A', nx],
    ['*.testns.svc.cluster.local.', 'A', nx],
  ],
  'pod names: by mode': [
    ['10-240-0-1.podns.pod.cluster.local.', 'AAAA', nd],
    ['10-240-0-1.podns.pod.cluster.local.', 'SRV', nd],
    ['fd00--1.podns.pod.cluster.local.', 'AAAA', 'NOERROR fd00::1'],
    ['fd00--1.podns.pod.cluster.local.', 'A', nd],
    ['fd00--1.podns.pod.cluster.local.', 'AAAA', nx, 'verified'],
    ['10-240-0-1.testns.pod.cluster.local.', 'A', nx, 'verified'],
    ['172-0-0-2.nosuchns.pod.cluster.local.', 'A', nx],
    ['172-0-0-2.nosuchns.pod.cluster.local.', 'A', nx, 'verified'],
    ['x.172-0-0-2.podns.pod.cluster.local.', 'A', nx],
    ['256-0-0-1.podns.pod.cluster.local.', 'A', nx],
    ['010-0-0-1.podns.pod.cluster.local.', 'A', nx],
    ['10-0-0.podns.pod.cluster.local.', 'A', nx],
    ['1.0.240.10.in-addr.arpa.', 'PTR', 'REFUSED'],
  ],
  'other types: as A would decide': [
    ['svc1', 65, nd],
    ['svc1', 'NS', nd],
    ['svc1', 'CNAME', nd],
    ['svc1', 'ANY', 'NOERROR "RFC8482 "'],
    ['nosuch', 'ANY', nx],
    ['svc0', 65, nx],
    ['svc0', 'CNAME', nx],
    ['svc1', 'AXFR', 'REFUSED'],
    ['svc1', 'IXFR', 'REFUSED'],
    ['cluster.local.', 'AXFR', 'REFUSED'],
    ['nosuch', 'AXFR', 'REFUSED'],
  ],
  'reverse zones: cut at whole labels, with SOA and NS': [
    ['0.10.in-addr.arpa.', 'SOA', 'NOERROR SOA=0.10.in-addr.arpa'],
    ['0.10.in-addr.arpa.', 'NS', 'NOERROR NS=ns.dns.cluster.local +10.0.0.10'],
    ['0.10.in-addr.arpa.', 'PTR', 'NOERROR ~SOA=0.10.in-addr.arpa'],
    ['5.0.10.in-addr.arpa.', 'PTR', 'NOERROR ~SOA=0.10.in-addr.arpa'],
    ['5.0.10.in-addr.arpa.', 'SOA', 'NOERROR ~SOA=0.10.in-addr.arpa'],
    ['31.172.in-addr.arpa.', 'SOA', 'NOERROR SOA=31.172.in-addr.arpa'],
    ['9.9.31.172.in-addr.arpa.', 'PTR', 'NXDOMAIN ~SOA=31.172.in-addr.arpa'],
    ['9.9.32.172.in-addr.arpa.', 'PTR', 'REFUSED'],
    ['172.in-addr.arpa.', 'SOA', 'REFUSED'],
    ['10.in-addr.arpa.', 'SOA', 'REFUSED'],
    ['in-addr.arpa.', 'NS', 'REFUSED'],
    ['arpa.', 'NS', 'REFUSED'],
    ['x.0.0.10.in-addr.arpa.', 'PTR', 'NXDOMAIN ~SOA=0.10.in-addr.arpa'],
    ['300.0.0.10.in-addr.arpa.', 'PTR', 'NXDOMAIN ~SOA=0.10.in-addr.arpa'],
    ['01.0.0.10.in-addr.arpa.', 'PTR', 'NXDOMAIN ~SOA=0.10.in-addr.arpa'],
    ['1.1.0.0.10.in-addr.arpa.', 'PTR', 'NXDOMAIN ~SOA=0.10.in-addr.arpa'],
    ['x.9.9.32.172.in-addr.arpa.', 'PTR', 'REFUSED'],
    // fd00:aa00::/23 has the zones of its 24 bits.
    ['a.a.0.0.d.f.ip6.arpa.', 'SOA', 'NOERROR SOA=a.a.0.0.d.f.ip6.arpa'],
    ['b.a.0.0.d.f.ip6.arpa.', 'SOA', 'NOERROR SOA=b.a.0.0.d.f.ip6.arpa'],
    ['a.0.0.d.f.ip6.arpa.', 'SOA', 'REFUSED'],
    ['c.a.0.0.d.f.ip6.arpa.', 'SOA', 'REFUSED'],
    [`1.${'0.'.repeat(25)}b.a.0.0.d.f.ip6.arpa.`, 'PTR', 'NXDOMAIN ~SOA=b.a.0.0.d.f.ip6.arpa'],
    [`1.${'0.'.repeat(25)}c.a.0.0.d.f.ip6.arpa.`, 'PTR', 'REFUSED'],
    ['g.a.a.0.0.d.f.ip6.arpa.', 'PTR', 'NXDOMAIN ~SOA=a.a.0.0.d.f.ip6.arpa'],
  ],
  'not ours, and nobody to ask': [
    ['example.test.', 'A', 'REFUSED'],
    ['local.', 'A', 'REFUSED'],
    ['.', 'NS', 'REFUSED'],
    ['svc1.testns.svc.notcluster.local.', 'A', 'REFUSED'],
    ['svc1.testns.svc.cluster.local.com.', 'A', 'REFUSED'],
    ['x\\007cluster\\005local.', 'A', 'REFUSED'],
    ['xcluster.local.', 'A', 'REFUSED'],
  ],
  'odd labels: a dot or a length inside one is no border, and 63 and 255 are the most': [
    ['svc1\\.testns.svc.cluster.local.', 'A', nx],
    ['_http\\._tcp.svc1', 'SRV', nx],
    ['172-0-0-2\\.hdls1', 'A', nx],
    ['\\000.svc1', 'A', nx],
    ['\\255\\254.testns.svc.cluster.local.', 'A', nx],
    ['svc1\\032', 'A', nx],
    ['xn--bcher-kva', 'A', nx],
    ['\\195\\188.cluster.local.', 'A', nx],
    ['x'.repeat(63), 'A', nx],
    [`aa.${'a.'.repeat(113)}testns.svc.cluster.local.`, 'A', nx],
  ],
}

/** Titles and rows. */
export const topics: readonly (readonly [title: string, rows: readonly Row[]])[] = [
  ['the test table', table] as const,
  ...Object.entries(behaviour),
].map(([title, rows]) => [title, rows.map(rowOf)])

function rowOf([name, type, expected, pods]: Short): Row {
  return { name, type, expected, ...(pods ? { pods } : {}) }
}
