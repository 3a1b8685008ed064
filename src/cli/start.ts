import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// What starts where the rest was bundled. V8 takes what it made of the program when that was built (scripts/build.ts), and need not read all of it again;
// where it cannot have that, it does.
enableCompileCache({ directory: join(import.meta.dirname, 'cache'), portable: true })
await import(new URL('main.mjs', import.meta.url).href)
