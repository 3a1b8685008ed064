import { ApiError } from '../client/client.ts'
import { allResources, apiVersionOf, servedKinds } from '../resources.ts'

/** For a path at which nothing is. One that asks for objects of a kind that is not served (`kubectl create job`) is told which kinds are. */
export function nothingAt(path: string): ApiError {
  const say = hintFor(path)
  // Clients look for this very sentence. With details, though they are empty: kubectl debug looks into them.
  return new ApiError(404, 'NotFound', `the server could not find the requested resource${say && `: ${say}`}`, {})
}

function hintFor(path: string): string {
  const [, core, other, plural] =
    /^\/(?:api\/([^/]+)|apis\/([^/]+\/[^/]+))\/(?:namespaces\/[^/]+\/)?([^/]+)/.exec(path) ?? []
  const apiVersion = core ?? other
  if (apiVersion === undefined || plural === undefined) return ''
  const named = allResources.filter((one) => one.plural === plural)
  // The kind is served, and what is asked of it is not.
  if (named.some((one) => apiVersionOf(one) === apiVersion)) return ''
  const [elsewhere] = named
  const hint = elsewhere ? `${elsewhere.kind} is served as ${apiVersionOf(elsewhere)}` : `served are ${servedKinds()}`
  return `${plural.slice(0, 60)} of ${apiVersion.slice(0, 60)} are not served here; ${hint}`
}
