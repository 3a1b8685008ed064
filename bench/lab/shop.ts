import { readFileSync, writeFileSync } from 'node:fs'
import { parseAllDocuments, stringify } from 'yaml'

/** The example shop (web, api, store, client), with a client that asks for http://web/ from its first moment on. */
export function writeShop(file: string, noteFolder: string): void {
  const documents = parseAllDocuments(readFileSync('examples/shop/shop.yaml', 'utf8')).map(
    (document) => document.toJS() as Manifest,
  )
  const others = documents.filter((each) => !(each.kind === 'Pod' && each.metadata.name === 'client'))
  if (others.length !== documents.length - 1) throw new Error('examples/shop/shop.yaml has no pod "client" any more')
  writeFileSync(file, [...others, client(noteFolder)].map((each) => stringify(each)).join('---\n'))
}

/** The note that the client leaves: the time of day in seconds at which the first 200 arrived. */
export const noteFile = 'first-answer'

interface Manifest {
  kind: string
  metadata: { name: string }
}

/** Bash connects and reads by itself: no other program has to be started for a try. A pause of 10 ms follows each that fails. */
const script = `
exec 9<> <(:)
while :; do
  if exec 3<>/dev/tcp/web/80; then
    printf 'GET / HTTP/1.0\\r\\nHost: web\\r\\n\\r\\n' >&3
    read -r line <&3
    if [[ $line == 'HTTP/1.'?' 200'* ]]; then echo "$EPOCHREALTIME" > /note/${noteFile}.new; mv /note/${noteFile}.new /note/${noteFile}; break; fi
    exec 3>&-
  fi
  read -r -t 0.01 -u 9
done 2> /dev/null
exec sleep infinity
`

function client(noteFolder: string): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'client', labels: { app: 'client' } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'client',
          image: 'host',
          command: ['bash', '-c', script],
          volumeMounts: [{ name: 'note', mountPath: '/note' }],
        },
      ],
      volumes: [{ name: 'note', hostPath: { path: noteFolder, type: 'Directory' } }],
    },
  }
}
