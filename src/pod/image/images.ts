import type { Client } from '../../api/client/client.ts'
import type { Pod } from '../../api/objects/pod.ts'
import type { Log } from '../../base/log.ts'
import { LocalImages } from './local.ts'
import { Pulls } from './pulls.ts'
import { pullSecretsOf } from './secrets.ts'
import { StoreWatch } from './watch.ts'

/** The images of one node: those that are here, and those that are fetched. */
export class NodeImages {
  readonly local: LocalImages
  readonly watch: StoreWatch
  readonly #client: Client
  readonly #pulls: Pulls

  /** `folders`: stores, the first before the others; what is fetched goes to the first. */
  constructor(folders: readonly string[], client: Client, log: Log) {
    this.local = new LocalImages(folders, log)
    this.watch = new StoreWatch(folders, log)
    this.#client = client
    this.#pulls = new Pulls((name, credentials, signal) => this.local.pull(name, credentials, signal))
  }

  /** Fetches an image with what the pod may show. `lacking` is told which of its secrets cannot be used. */
  async pull(
    name: string,
    pod: Pod,
    signal: AbortSignal,
    lacking: (secrets: string[]) => void,
  ): Promise<{ bytes: number }> {
    const { credentials, missing } = await pullSecretsOf(this.#client, pod)
    if (missing.length > 0) lacking(missing)
    return this.#pulls.join(name, credentials, signal)
  }
}
