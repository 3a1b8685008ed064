import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Challenge, parseChallenges } from './challenge.ts'

const read = (header: string): unknown =>
  parseChallenges(header).map(({ scheme, params }) => [scheme, Object.fromEntries(params)])

test('challenges of real registries are read', () => {
  for (const [header, expected] of [
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/web:pull"',
      [
        [
          'bearer',
          {
            realm: 'https://auth.docker.io/token',
            service: 'registry.docker.io',
            scope: 'repository:library/web:pull',
          },
        ],
      ],
    ],
    ['Basic realm="Registry Realm"', [['basic', { realm: 'Registry Realm' }]]],
    [
      'BASIC Realm = a , Bearer realm=https://x/y,scope=repository:web:pull',
      [
        ['basic', { realm: 'a' }],
        ['bearer', { realm: 'https://x/y', scope: 'repository:web:pull' }],
      ],
    ],
    [
      'Negotiate abc==, Basic realm="a, b=\\"c\\""',
      [
        ['negotiate', {}],
        ['basic', { realm: 'a, b="c"' }],
      ],
    ],
    [
      'Negotiate, NTLM',
      [
        ['negotiate', {}],
        ['ntlm', {}],
      ],
    ],
    ['Bearer', [['bearer', {}]]],
    [' , ,', []],
    ['', []],
    ['Bearer realm="never ends', [['bearer', { realm: '' }]]],
    ['Bearer realm="a",realm="b"', [['bearer', { realm: 'a' }]]],
  ] as const)
    assert.deepEqual(read(header), expected, header)
})

const letters = (alphabet: string): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet.split('')), minLength: 1, maxLength: 8 })
const name = letters("abcxyz019!#$%&'*+.^_`|~-")
const value = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), letters('",\\= \tab'))
const params = fc.dictionary(name, value, { minKeys: 1, maxKeys: 4, noNullPrototype: true })
const challenge: fc.Arbitrary<Challenge> = fc
  .tuple(name, params)
  .map(([scheme, given]) => ({ scheme, params: new Map(Object.entries(given)) }))
const escaped = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`

test('whatever is written as the grammar has it is read as it was', () => {
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 4 }), fc.constantFrom(', ', ',', ' ,, '), (challenges, comma) => {
      const header = challenges
        .map(
          ({ scheme, params }) =>
            `${scheme} ${[...params].map(([key, each]) => `${key}=${escaped(each)}`).join(comma)}`,
        )
        .join(comma)
      assert.deepEqual(parseChallenges(header), challenges)
    }),
  )
})

test('any text is read to its end, in no time', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), letters('a=", \\~\t')), (text) => {
      for (const { scheme } of parseChallenges(text)) assert.notEqual(scheme, '')
    }),
  )
  for (const piece of ['a', '"', 'a=', 'a="', '\\', ' ', ',', '= ', 'a ', 'a==', 'Bearer a="\\'])
    parseChallenges(`Bearer ${piece.repeat(16_384 / piece.length)}`)
})
