// Sends messages of every kind to the DNS server and looks at each reply: node scripts/fuzz-dns.ts [--messages N] [--seed N]
// What it finds belongs into src/dns/testing/fuzz/corpus.txt, which the tests read.
import { parseArgs } from 'node:util'
import { fuzz } from '../src/dns/testing/fuzz/fuzz.ts'

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '10000000' },
    seed: { type: 'string', default: String(Date.now() >>> 0) },
  },
})
const [messages, seed] = [wholeNumber('messages'), wholeNumber('seed')]
console.log(`${messages.toLocaleString('en')} messages of seed ${seed}`)
const begun = performance.now()
const { codes, ratio, growth } = await fuzz(seed, messages, (sent) => {
  const rate = (sent / (performance.now() - begun)) * 1000
  console.log(`${sent.toLocaleString('en')} sent, ${Math.round(rate).toLocaleString('en')} a second`)
})
const counts = [...codes].sort(([, a], [, b]) => b - a).map(([code, count]) => `${code}: ${count}`)
console.log(`replies by code: ${counts.join(', ')}`)
console.log(`longest answer over UDP: ${ratio.toFixed(1)} bytes for each one of its question`)
console.log(`memory in use at the end, against the first parts: ${(growth / 1024).toFixed(0)} KB`)

function wholeNumber(option: keyof typeof values): number {
  const text = values[option]
  if (/^\d{1,10}$/.test(text)) return Number(text)
  console.error(`--${option} "${text}" is no whole number below 10,000,000,000, such as 1000000`)
  process.exit(2)
}
