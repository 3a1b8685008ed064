// Looks the name up until it has an address, keeps the first one for ever, and asks it twice a second.
import { lookup } from 'node:dns/promises'
import { setTimeout } from 'node:timers/promises'

let address: string | undefined
for (;;) {
  address ??= await lookup('web').then(
    (found) => found.address,
    () => undefined,
  )
  if (address !== undefined) {
    const answer = await fetch(`http://${address}:8080/`, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(2000),
    }).then(
      ({ status }) => String(status),
      (error: Error) => (error.cause as NodeJS.ErrnoException | undefined)?.code ?? error.message,
    )
    console.log(`${address}: ${answer}`)
  }
  await setTimeout(500)
}
