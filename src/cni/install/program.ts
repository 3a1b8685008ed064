import { basename } from 'node:path'
import { launcher } from '../../kernel/launcher/launcher.ts'
import { codes } from '../plugin/error.ts'
import { newest } from '../plugin/version.ts'
import type { Product } from '../product.ts'

/** A greeting takes less than a millisecond; an agent that waits its turn for longer than this is overrun, and the plugin can do without. */
const greetingPatience = 10
/** Kubelet gives a sandbox 4 minutes (twice its runtimeRequestTimeout): before that the runtime hears what is the matter. */
const answerPatience = 60

/** The plugin as a native launcher, which asks the agent at `socket` and starts Node when there is none. For x86-64. */
export function nativeProgram(product: Product, socket: string): Uint8Array {
  return launcher({
    socket,
    variable: 'CNI_COMMAND',
    program: product.node,
    argv: [basename(product.node), product.script, ...product.args],
    script: product.script,
    say: {
      lost: error(
        codes.tryAgain,
        `the agent at ${socket} ended, or did not answer within ${answerPatience} s, and may have done some of it: DEL, then try again`,
      ),
      unreadable: error(codes.io, 'cannot read the configuration from stdin'),
      missing: error(codes.failed, missing(product)),
    },
    patience: { greeting: greetingPatience, answer: answerPatience },
  })
}

/** The same as a shell's script, which always starts Node: 40 ms for each call, on any processor. */
export function scriptProgram(product: Product): Uint8Array {
  const { node, script, args } = product
  const command = [node, script, ...args].map(quoted).join(' ')
  const text = [
    '#!/bin/sh',
    `[ -x ${quoted(node)} ] && [ -r ${quoted(script)} ] && exec ${command}`,
    `printf '%s\\n' ${quoted(error(codes.failed, missing(product)).trimEnd())}`,
    'exit 1',
  ]
  return new TextEncoder().encode(text.join('\n'))
}

function missing({ node, script }: Product): string {
  return `no agent answers, and ${node} cannot start ${script}: after moving Kubehop, run kubehop cni install again`
}

function error(code: number, msg: string): string {
  return `${JSON.stringify({ cniVersion: newest, code, msg }, undefined, 2)}\n`
}

/** For a shell: nothing in it means anything. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
