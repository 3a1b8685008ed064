import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../api/objects/pod.ts'
import type { Service } from '../api/objects/service.ts'
import { address } from '../base/address.ts'
import type { ProbeResult } from '../trace/probe/spec.ts'
import { parseTarget } from '../trace/ask/target.ts'
import { type Told, tell as tellWith } from '../trace/tell/tell.ts'
import { told } from '../trace/testing/across.ts'
import type { DnsStep, Trace } from '../trace/types.ts'
import { explain } from './explain.ts'

const tell = (of: Told): Trace => tellWith(of, explain)
const refused: ProbeResult = { kind: 'sent', outcome: 'refused', ms: 1 }
const nothing = { observations: [], result: refused }
/** Without who said so, which is told of every failure. */
const codesAndFixes = (of: Told): string[] =>
  tell(of).why.flatMap(({ code, fix }) => (['SaidNo', 'Silence', 'NotSent'].includes(code) ? [] : [`${code}: ${fix}`]))

/** The recorded cluster with its service or its pods changed. */
function changed(
  service: Partial<Service['spec']>,
  pods: (pod: Pod) => Pod = (pod) => pod,
  slices = told.cluster.slices,
): Told {
  const services = told.cluster.services.map((one) => ({ ...one, spec: { ...one.spec, ...service } }))
  return {
    ...told,
    ...nothing,
    dns: [],
    cluster: { ...told.cluster, services, pods: told.cluster.pods.map(pods), slices },
  }
}

const unready = (pod: Pod): Pod => ({
  ...pod,
  status: {
    ...pod.status,
    conditions: [{ type: 'Ready', status: 'False' }],
    containerStatuses: [
      {
        name: 'web',
        ready: false,
        restartCount: 3,
        image: 'host',
        imageID: '',
        state: { waiting: { reason: 'CrashLoopBackOff' } },
      },
    ],
  },
})

test('a service with nobody behind it says why that is so', () => {
  const rows: [string, Told, string][] = [
    [
      'a label nearly met',
      changed({ selector: { app: 'fra' } }, undefined, []),
      'SelectorMatchesNothing: pods here have app=far: is that meant?',
    ],
    [
      'a key nearly met',
      changed({ selector: { apps: 'far' } }, undefined, []),
      'SelectorMatchesNothing: pods here have the label "app": is that meant instead of "apps"?',
    ],
    [
      'no selector',
      changed({ selector: {} }, undefined, []),
      'NoSelector: give it a selector, or make an EndpointSlice by hand',
    ],
    ['not ready', changed({}, unready, []), 'NoReadyPod: its last words: kubectl -n shop logs far -c web --previous'],
    [
      'a named port that no container has',
      changed({ ports: [{ port: 80, targetPort: 'http' }] }, undefined, []),
      'PortNotInSlice: name the port in the container, or write its number',
    ],
  ]
  for (const [title, of, expected] of rows) assert.equal(codesAndFixes(of)[0], expected, title)
  assert.match(
    tell(changed({}, unready, [])).why[0]?.say ?? '',
    /selects 1 pod, and none is ready: far: container web ends each time \(CrashLoopBackOff\), 3 restarts$/,
  )
})

test('a port that the service does not have is compared with those it has', () => {
  const to = { address: address('100.64.0.20'), port: 8080 }
  const [why] = tell({ ...changed({}), to }).why
  assert.equal(why?.code, 'NoSuchPort')
  assert.equal(
    why?.say,
    'service shop/web has no port 8080/TCP; it has 80/TCP; 8080 is its targetPort, which its pods have',
  )
  assert.equal(why?.fix, 'ask for port 80, or add port 8080 to the service')
})

test('a node’s own name server that takes questions and does not answer is named', () => {
  const nodeDns = { address: address('169.254.20.10'), node: told.source.node }
  const asked = {
    ...told,
    ...nothing,
    target: parseTarget('dns://far'),
    to: { address: nodeDns.address, port: 53 },
    cluster: { ...told.cluster, nodeDns },
  }
  const step: DnsStep = { question: 'far', type: 'A', server: nodeDns.address, rcode: 'TIMEOUT', answers: [], ms: 1 }
  const result: ProbeResult = { kind: 'sent', outcome: 'timeout', ms: 1 }
  const hangs = `NodeDnsHangs: end its process, kubehop dns ${nodeDns.node}: another one is started`
  assert.equal(codesAndFixes({ ...asked, dns: [step], result })[0], hangs)
})

test('a name without an address is compared with the services there are', () => {
  const missing = (name: string, dns: DnsStep[] = []): Told => ({
    ...told,
    target: parseTarget(`http://${name}/`),
    dns,
    to: undefined,
    port: 0,
    observations: [],
    result: undefined,
  })
  const bank = { ...told.cluster.services[0], metadata: { name: 'bank', namespace: 'money' } } as Service
  const twoPlaces = { ...told.cluster, services: [...told.cluster.services, bank] }
  assert.deepEqual(codesAndFixes(missing('wbe')), ['NameUnknown: did you mean web?'])
  assert.deepEqual(codesAndFixes({ ...missing('bank'), cluster: twoPlaces }), ['NameElsewhere: write bank.money'])
  // The objects say that there is such a service: then DNS is what is wrong.
  assert.equal(tell(missing('web')).why[0]?.code, 'NameNotServed')
})

test('a service that is only another name is not blamed on ready pods', () => {
  const told = (externalName: string) => ({
    ...changed({ type: 'ExternalName', externalName }),
    target: parseTarget('http://web/'),
    to: undefined,
    port: 0,
    result: undefined,
  })
  const [why] = tell(told('example.com')).why
  assert.equal(why?.code, 'ExternalNameWithoutAddress')
  assert.match(why.say, /"web" is only another name for "example.com"/)
  assert.match(why.fix, /a name server that knows this name/)
  // What is wrong with the name that the service gives is the cause, and told alone: a trace to it would show that all is well there.
  const causes = (name: string): string[] => codesAndFixes(told(name)).filter((one) => one.startsWith('ExternalName'))
  const api: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'api', namespace: 'shop' },
    spec: { clusterIP: 'None' },
  }
  const besides = (of: Told): Told => ({ ...of, cluster: { ...of.cluster, services: [...of.cluster.services, api] } })
  assert.deepEqual(codesAndFixes(besides(told('api.shop'))), [
    'ExternalNameShort: write the whole name: api.shop.svc.cluster.local',
  ])
  assert.deepEqual(causes('x.shop.svc.cluster.local'), [
    'ExternalNameNowhere: name a service that exists: kubectl get services -A',
  ])
  assert.match(tell(besides(told('api.shop.svc.cluster.local'))).why[0]?.fix ?? '', /^trace to http:\/\/api\.shop\.svc/)
})
