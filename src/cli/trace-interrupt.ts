const stops = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * While this is not disposed, a signal ends the program as it would anyway, but with a word on standard error, and after `clean`. `first`:
 * what the first Ctrl-C does in the place of that.
 */
export function untilSignal(clean: () => void, first?: () => void): Disposable {
  let act = first
  const disarm = (): void => {
    for (const name of stops) process.removeListener(name, end)
  }
  const end = (name: NodeJS.Signals): void => {
    const instead = name === 'SIGINT' ? act : undefined
    act = undefined
    if (instead) return instead()
    disarm()
    clean()
    console.error('kubehop trace: interrupted')
    // Whoever waits for this program hears by which signal it ended.
    process.kill(process.pid, name)
  }
  for (const name of stops) process.on(name, end)
  return { [Symbol.dispose]: disarm }
}
