import { isBuiltin } from 'node:module'
import type { Plugin } from 'esbuild'

/**
 * Takes Node's own modules as they are, not as ES modules: for one of those Node reads every property, and behind some (`WebSocket` of node:http) are
 * parts of Node that take longer to load than all that is wanted. A property with a getter cannot be imported by its name; esbuild says so.
 */
export const builtins: Plugin = {
  name: 'builtins',
  setup(build) {
    // What a CommonJS module requires it gets as it is anyway.
    build.onResolve({ filter: /./ }, ({ path, kind }) =>
      kind === 'import-statement' && isBuiltin(path) ? { path, namespace: 'builtins' } : undefined,
    )
    build.onLoad({ filter: /./, namespace: 'builtins' }, ({ path }) => ({ contents: facade(path), loader: 'js' }))
  },
}

function facade(path: string): string {
  const properties = Object.entries(Object.getOwnPropertyDescriptors(process.getBuiltinModule(path) ?? {}))
  const names = properties.flatMap(([name, property]) =>
    'value' in property && name !== 'default' && plain.test(name) ? [name] : [],
  )
  return [
    `const all = process.getBuiltinModule(${JSON.stringify(path)})`,
    'export default all',
    // Marked so that what nobody imports is left out.
    ...names.map((name) => `const its_${name} = /* @__PURE__ */ (() => all.${name})()`),
    `export { ${names.map((name) => `its_${name} as ${name}`).join(', ')} }`,
  ].join('\n')
}

const plain = /^[A-Za-z_$][\w$]*$/
