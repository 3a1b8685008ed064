/** Progress for a person on a terminal (one line that is rewritten) or for a log (a line per step). Goes to stderr: stdout is for results. */
export interface Progress {
  step(say: string): void
  /** Ends the current line for good; what follows starts on a new one, and steps that still come (an end by Ctrl-C overtakes some) are not told. */
  done(): void
}

export function showProgress(quiet: boolean): Progress {
  const live = process.stderr.isTTY && process.env['TERM'] !== 'dumb'
  let last = ''
  let over = false
  return {
    step(say) {
      if (quiet || over || say === last) return
      last = say
      process.stderr.write(live ? `\r\x1b[2K  ${say}` : `  ${say}\n`)
    },
    done() {
      if (!quiet && live && !over && last !== '') process.stderr.write('\r\x1b[2K')
      over = true
    },
  }
}
