// Loaded into every test file (node --import). Node lets a file whose tests are over run for as long as anything is left open; after a
// failed test that may be for ever, and without it is a leak. Here such a file fails, and says what it still waits for.
import { after } from 'node:test'

/** Ending what the tests share takes less. */
const patienceMs = 30_000

// The runner itself loads this too, and has no tests.
if (process.env['NODE_TEST_CONTEXT'] !== undefined)
  after(() => {
    setTimeout(() => {
      const kinds = [...new Set(process.getActiveResourcesInfo())].join(', ')
      console.error(`the tests are over and the file does not end; still open: ${kinds || 'what Node does not tell'}`)
      process.exit(1)
    }, patienceMs).unref()
  })
