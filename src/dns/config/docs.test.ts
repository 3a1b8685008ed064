import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { plugins } from './corefile/plugins.ts'
import { readConfig } from './file.ts'
import type { Kind, Option, Plain, Shape } from './kind.ts'
import { schema } from './schema.ts'
import { forward, forwardShape } from './upstreams.ts'

const docs = readFileSync(join(import.meta.dirname, '../../../docs/dns.md'), 'utf8')

test('docs/dns.md has every option with its default, and what becomes of every plugin', () => {
  for (const table of [optionTable(), pluginTable()])
    assert.ok(docs.includes(`\n\n${table}\n\n`), `this table has to stand in docs/dns.md:\n\n${table}\n`)
})

test("docs/dns.md's examples of configurations are right", () => {
  const examples = [...docs.matchAll(/```yaml\n(# dns\.yaml\n[^]*?)```/g)].map(([, text = '']) => text)
  assert.ok(examples.length > 0)
  for (const example of examples)
    assert.ok('config' in readConfig(example, { read: () => 'nameserver 192.0.2.1' }), example)
})

function optionTable(): string {
  const rows = rowsOf(schema, '')
  return ['| option | default | allowed | what it is |', '|---|---|---|---|', ...rows].join('\n')
}

/** Those with one fate share a line. */
function pluginTable(): string {
  const byFate = new Map<string, string[]>()
  for (const [name, { becomes }] of Object.entries(plugins))
    byFate.set(becomes, [...(byFate.get(becomes) ?? []), `\`${name}\``])
  const rows = [...byFate].map(([becomes, names]) => `| ${names.join(', ')} | ${becomes} |`)
  return ['| plugin | what becomes of it |', '|---|---|', ...rows].join('\n')
}

function rowsOf<T extends object>(shape: Shape<T>, above: string): string[] {
  const all = Object.entries(shape.options) as [keyof T & string, Option<unknown>][]
  return all.flatMap(([name, option]) => {
    const inside = shapeOf(option.kind)
    const allowed = option.kind === forward ? 'a list or a map' : inside ? 'a map' : option.kind.allowed
    const off = option.off ? ', or `off`' : ''
    const value = shape.defaults[name]
    const standard = option.needed ? 'has to be given' : inside && value ? '' : textOf(option.kind, value)
    const row = `| \`${above}${name}\` | ${standard} | ${allowed}${off} | ${option.means} |`
    return inside ? [row, ...rowsOf(inside, `${above}${name}.`)] : [row]
  })
}

function shapeOf(kind: Kind<unknown>): Shape<object> | undefined {
  // A list of name servers may stand for it, so it is no shape itself.
  if (kind === forward) return forwardShape
  return 'options' in kind ? (kind as Shape<object>) : undefined
}

function textOf(kind: Kind<unknown>, value: unknown): string {
  if (value === undefined) return 'none'
  const plain: Plain = kind.print(value)
  if (typeof plain === 'string') return `\`${plain}\``
  const items = plain instanceof Map ? [] : (plain as readonly Plain[])
  return items.length === 0 ? 'none' : items.map((item) => `\`${item as string}\``).join(', ')
}
