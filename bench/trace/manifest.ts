import { stringify } from 'yaml'

/** Says how many milliseconds each takes: `near 1.234`. */
const asksPlainly = `
  const http = require('http')
  const ask = (name) => new Promise((done) => {
    const begun = performance.now()
    http.get('http://' + name + '/', { agent: false }, (answer) => answer.resume().on('end', () => {
      console.log(name, performance.now() - begun)
      done()
    })).on('error', done)
  })
  const both = () => ask('near').then(() => ask('far')).then(() => setTimeout(both, 100))
  require('http').createServer((request, response) => response.end()).listen(8080, both)`
const answers = `require('http').createServer((request, response) => response.end('hello')).listen(8080)`

/** Three pods: \`client\` and \`near\` on node1, \`far\` on node2, and a service before each of the two. The client asks both plainly, ten times a second. */
export function benchPods(): string {
  const objects = [
    pod('client', 'node1', asksPlainly),
    ...['near', 'far'].flatMap((name, at) => [pod(name, `node${at + 1}`, answers), service(name)]),
  ]
  return objects.map((object) => stringify(object)).join('---\n')
}

function pod(name: string, nodeName: string, script: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      nodeName,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name,
          image: 'host',
          command: ['node', '-e', script],
          ports: [{ containerPort: 8080 }],
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
        },
      ],
    },
  }
}

function service(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
  }
}
