/**
 * `$(NAME)` becomes the variable's value, `$$` a dollar sign; a reference to what is not defined stays as it is written
 * (k8s.io/kubernetes/third_party/forked/golang/expansion).
 */
export function expand(text: string, valueOf: (name: string) => string | undefined): string {
  let out = ''
  let at = 0
  for (let dollar = text.indexOf('$'); dollar >= 0; dollar = text.indexOf('$', at)) {
    out += text.slice(at, dollar)
    const next = text[dollar + 1]
    const close = next === '(' ? text.indexOf(')', dollar) : -1
    if (close >= 0) {
      const name = text.slice(dollar + 2, close)
      out += valueOf(name) ?? `$(${name})`
      at = close + 1
    } else {
      out += next === undefined || next === '$' ? '$' : `$${next}`
      at = dollar + (next === undefined ? 1 : 2)
    }
  }
  return out + text.slice(at)
}
