import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AnyObject } from '../json.ts'
import type { LabelSelector } from '../objects/meta.ts'
import { parseFieldSelector } from './fields.ts'
import { formatSelector, parseLabelSelector, selectorMatches } from './labels.ts'

test('selectors select by equality, sets, presence and order', () => {
  const labels = { app: 'web', tier: 'front', n: '5' }
  const rows: [string, boolean][] = [
    ['', true],
    ['app=web', true],
    ['app==web,tier=front', true],
    ['app=api', false],
    ['app!=api', true],
    ['absent!=x', true],
    ['app in (web,api)', true],
    ['app in (api)', false],
    ['app notin (api, db),tier', true],
    ['absent notin (x)', true],
    ['absent', false],
    ['!absent', true],
    ['! app', false],
    ['n>4,n<6', true],
    ['n>5', false],
    ['example.com/app=x', false],
    ['app=', false],
  ]
  for (const [selector, expected] of rows) assert.equal(parseLabelSelector(selector)(labels), expected, selector)
})

test('what is no selector is refused with the part that is wrong', () => {
  for (const text of ['a=b,', 'a in b', 'a in (b', '=b', 'a b', 'a=b c', 'a>x', '-a=b', `a=${'x'.repeat(64)}`])
    assert.throws(() => parseLabelSelector(text), SyntaxError, text)
})

const name = fc.stringMatching(/^[a-z]([a-z0-9.-]{0,5}[a-z0-9])?$/)
const requirement = fc.oneof(
  fc.record({
    key: name,
    operator: fc.constantFrom('In' as const, 'NotIn' as const),
    values: fc.array(name, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ key: name, operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const) }),
)
const selector: fc.Arbitrary<LabelSelector> = fc.record({
  matchLabels: fc.dictionary(name, name, { maxKeys: 3, noNullPrototype: true }),
  matchExpressions: fc.array(requirement, { maxLength: 3 }),
})

test("an object's selector and its text select the same", () => {
  fc.assert(
    fc.property(selector, fc.dictionary(name, name, { noNullPrototype: true }), (given, labels) => {
      // Some of the labels come from the selector, so that it has something to find.
      const all = { ...labels, ...Object.fromEntries(Object.entries(given.matchLabels ?? {}).slice(0, 2)) }
      assert.equal(parseLabelSelector(formatSelector(given))(all), selectorMatches(given, all))
    }),
  )
})

test('nothing that is not a label is found in labels', () => {
  assert.equal(parseLabelSelector('constructor')({}), false)
  assert.equal(selectorMatches({ matchLabels: { toString: 'x' } }, {}), false)
  assert.equal(selectorMatches(undefined, {}), false)
  assert.equal(selectorMatches({}, {}), true)
})

test('fields select by equality, and only those that the kind has', () => {
  const pod = {
    metadata: { name: 'a', namespace: 'n' },
    spec: { nodeName: 'node1' },
    status: { phase: 'Running' },
  } as unknown as AnyObject
  const rows: [string, boolean][] = [
    ['metadata.name=a', true],
    ['spec.nodeName=node1,status.phase!=Failed', true],
    ['spec.nodeName==node2', false],
    ['spec.hostNetwork=false', true],
    ['status.podIP=', true],
  ]
  for (const [text, expected] of rows) assert.equal(parseFieldSelector(text, 'Pod')(pod), expected, text)
  assert.throws(() => parseFieldSelector('spec.nodeName=x', 'Service'), /field label not supported: spec\.nodeName/)
  assert.throws(() => parseFieldSelector('nonsense', 'Pod'), SyntaxError)
})
