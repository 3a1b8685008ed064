import { readFileSync } from 'node:fs'
import { dockerArchive } from '../../../src/image/testing/archive.ts'
import { type Member, tar } from '../../../src/image/testing/tar.ts'
import { busybox } from './machine.ts'

export const imageName = 'localhost/web:latest'

const applets = ['cat', 'echo', 'httpd', 'ip', 'ping', 'sh', 'sleep', 'timeout', 'wget']

/** A web server that says who asked it (/cgi-bin/who), and tools, as `docker save` writes it. */
export function webImage(): Buffer {
  const members: Member[] = [
    ...['bin/', 'dev/', 'etc/', 'proc/', 'sys/', 'tmp/', 'www/', 'www/cgi-bin/'].map((path) => ({
      path,
      type: '5',
      mode: 0o755,
    })),
    { path: 'bin/busybox', body: readFileSync(busybox()), mode: 0o755 },
    ...applets.map((name) => ({ path: `bin/${name}`, type: '2', link: 'busybox' })),
    { path: 'etc/passwd', body: 'root:x:0:0::/:/bin/sh\n' },
    { path: 'www/cgi-bin/who', body: '#!/bin/sh\necho\necho "$REMOTE_ADDR"\n', mode: 0o755 },
  ]
  const config = { Env: ['PATH=/bin'], Cmd: ['httpd', '-f', '-p', '0.0.0.0:80', '-h', '/www'] }
  return dockerArchive([tar(members)], [imageName], { config })
}
