/**
 * The lines of a resolv.conf(5) that say something, as words: `['search', 'a.example', 'b.example']`. What follows from them differs: the C library obeys them
 * (three name servers, the last `search` or `domain`), and a kubelet passes them on.
 */
export function resolvConfLines(text: string): [keyword: string, ...words: string[]][] {
  return text.split('\n').flatMap((line): [string, ...string[]][] => {
    const [keyword = '', ...words] = line.trim().split(/\s+/)
    return keyword === '' || /^[#;]/.test(keyword) ? [] : [[keyword, ...words]]
  })
}
