import type { LabelSelector } from '../objects/meta.ts'

export type Labels = Readonly<Record<string, string>> | undefined
/** Whether a set of labels (or fields) is selected. */
export type Matcher = (labels: Labels) => boolean

/** A selector in a query: `app=web,tier in (a,b),!old`. Throws a SyntaxError that says what is wrong. */
export function parseLabelSelector(text: string): Matcher {
  const requirements = splitTopLevel(text).map(requirementOf)
  return (labels) => requirements.every((one) => one(labels ?? {}))
}

/** A selector in an object. An empty one matches everything; a missing one nothing. */
export function selectorMatches(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (selector === undefined) return false
  for (const [key, value] of Object.entries(selector.matchLabels ?? {}))
    if (valueOf(labels, key) !== value) return false
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const value = valueOf(labels, key)
    const fits = {
      In: value !== undefined && values.includes(value),
      NotIn: value === undefined || !values.includes(value),
      Exists: value !== undefined,
      DoesNotExist: value === undefined,
    }[operator]
    if (!fits) return false
  }
  return true
}

/** The text of an object's selector, as a query takes it. */
export function formatSelector(selector: LabelSelector): string {
  const equals = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`)
  const sets = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    const list = `(${values.join(',')})`
    return { In: `${key} in ${list}`, NotIn: `${key} notin ${list}`, Exists: key, DoesNotExist: `!${key}` }[operator]
  })
  return [...equals, ...sets].join(',')
}

const keyPattern = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/
const valuePattern = /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/

export function isLabelKey(text: string): boolean {
  return keyPattern.test(text)
}

export function isLabelValue(text: string): boolean {
  return valuePattern.test(text)
}

function requirementOf(text: string): Matcher {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text)
  if (set) {
    const [, key = '', operator, list = ''] = set
    const values = new Set(list.split(',').map((one) => valid(one.trim(), isLabelValue, 'label value')))
    valid(key, isLabelKey, 'label key')
    if (operator === 'in') return (labels) => values.has(valueOf(labels, key) ?? missing)
    return (labels) => !values.has(valueOf(labels, key) ?? missing)
  }
  const comparison = /^([^\s=!<>]+)\s*(==|=|!=|<|>)\s*(\S*)$/.exec(text)
  if (comparison) {
    const [, key = '', operator, value = ''] = comparison
    valid(key, isLabelKey, 'label key')
    if (operator === '<' || operator === '>') return ordering(key, operator, value)
    valid(value, isLabelValue, 'label value')
    if (operator === '!=') return (labels) => valueOf(labels, key) !== value
    return (labels) => valueOf(labels, key) === value
  }
  const absent = text.startsWith('!')
  const key = valid(absent ? text.slice(1).trim() : text, isLabelKey, 'label key')
  return (labels) => (valueOf(labels, key) === undefined) === absent
}

function ordering(key: string, operator: '<' | '>', text: string): Matcher {
  if (!/^-?\d+$/.test(text)) throw new SyntaxError(`"${key}${operator}${text}": ${operator} compares integers`)
  const bound = Number(text)
  return (labels) => {
    const value = valueOf(labels, key)
    if (value === undefined || !/^-?\d+$/.test(value)) return false
    return operator === '<' ? Number(value) < bound : Number(value) > bound
  }
}

/** Splits at commas outside parentheses. */
function splitTopLevel(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at <= text.length; at++) {
    const char = text[at]
    if (char === '(') depth++
    else if (char === ')') depth--
    else if (char === undefined || (char === ',' && depth === 0)) {
      parts.push(text.slice(start, at).trim())
      start = at + 1
    }
  }
  if (depth !== 0) throw new SyntaxError(`unbalanced parentheses in selector "${text}"`)
  if (parts.length === 1 && parts[0] === '') return []
  if (parts.includes('')) throw new SyntaxError(`empty requirement in selector "${text}"`)
  return parts
}

/** No label can have this value. */
const missing = '\u0000'

function valueOf(labels: Labels, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined
}

function valid(text: string, test: (text: string) => boolean, what: string): string {
  if (!test(text)) throw new SyntaxError(`"${text}" is not a valid ${what}`)
  return text
}
