import { cniPlugin } from './cni-plugin.ts'

// The entry of dist/kubehop-cni.mjs, which runtimes start where no agent answers: it starts in half the time that the whole product takes.
process.stdout.on('error', () => {
  // Nobody learned what was done.
  process.exitCode = 1
})
process.exitCode = cniPlugin()
