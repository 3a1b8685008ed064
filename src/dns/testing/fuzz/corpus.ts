import { readFileSync } from 'node:fs'

export interface Corpus {
  readonly seeds: readonly number[]
  readonly messages: readonly { bytes: Buffer; why: string }[]
}

/** `corpus.txt`: a line is `seed N`, a message in hex and what it is, or a comment. */
export function readCorpus(): Corpus {
  const lines = readFileSync(new URL('corpus.txt', import.meta.url), 'utf8').split('\n')
  const words = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(' '))
  return {
    seeds: words.filter(([first]) => first === 'seed').map(([, seed]) => Number(seed)),
    messages: words
      .filter(([first]) => first !== 'seed')
      .map(([hex = '', ...why]) => ({ bytes: Buffer.from(hex === '-' ? '' : hex, 'hex'), why: why.join(' ') })),
  }
}
