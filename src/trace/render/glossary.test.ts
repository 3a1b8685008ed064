import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tell } from '../tell/tell.ts'
import { told } from '../testing/across.ts'
import { explainAll, explainWords } from './explain.ts'
import { glossary, wordsIn } from './glossary.ts'
import { renderTrace } from './text.ts'

const plain = { width: 0, color: false, verbose: false }

test('a word is explained when it is met, and so is each word that its explanation uses', () => {
  const words = wordsIn('conntrack').map(({ word }) => word)
  assert.deepEqual(words.includes('conntrack') && words.includes('becomes') && words.includes('packet'), true)
  for (const one of wordsIn('masquerade'))
    for (const other of glossary)
      if (other.met.test(one.say)) assert.ok(wordsIn('masquerade').includes(other), `${one.word} uses ${other.word}`)
  assert.deepEqual(wordsIn('nothing of the kind'), [])
})

test('each word is met by its own name, and explained once', () => {
  for (const { word, met } of glossary) assert.match(word, met)
  assert.equal(new Set(glossary.map(({ word }) => word)).size, glossary.length)
})

test('a trace’s words: those it uses, none that it does not', () => {
  const text = explainWords(renderTrace(tell(told), plain), plain)
  for (const word of ['cbr0', 'veth', 'service', 'proxy', 'gateway'])
    assert.match(text, new RegExp(`^ {2}${word} `, 'm'))
  for (const word of ['MTU', 'CNAME', 'NXDOMAIN', 'UDP']) assert.doesNotMatch(text, new RegExp(`^ {2}${word} `, 'm'))
})

test('the whole glossary fits a terminal', () => {
  const lines = explainAll({ ...plain, width: 80 }).split('\n')
  for (const line of lines) assert.ok(line.length <= 80, line)
})
