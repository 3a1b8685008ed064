import { KubehopError, messageOf } from '../../base/errors.ts'
import { shown } from '../refuse.ts'

/** Why an image cannot be pulled. */
export function failure(code: string, say: string, cause?: unknown): KubehopError {
  return new KubehopError('image', 'pull', code, say, { cause })
}

/** What a broken or refused connection means; `error` is one of Node's. */
export function connectionFailure(error: unknown, { host, protocol }: URL): KubehopError {
  if (error instanceof KubehopError) return error
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (code === 'ENOTFOUND') return failure('NoHost', `there is no host ${host}: look at the image's name`, error)
  if (code === 'EAI_AGAIN')
    return failure('NoHost', `the name ${host} cannot be looked up now: is there a network?`, error)
  if (protocol === 'https:' && speaksHttp.test(`${code} ${messageOf(error)}`)) {
    const say = `${host} does not speak TLS: over plain HTTP anyone on the way could read and change what is sent; where that is meant, call the registry insecure`
    return failure('PlainHttp', say, error)
  }
  if (badCertificate.test(code)) {
    const say = `the certificate of ${host} cannot be trusted (${messageOf(error)}): add its authority to those of this system, or call the registry insecure`
    return failure('BadCertificate', say, error)
  }
  if (/^(HPE_|ERR_HTTP)/.test(code))
    return failure('BadAnswer', `${host} does not answer as HTTP has it: ${messageOf(error)}`, error)
  return failure('Unreachable', `${host} cannot be reached: ${messageOf(error) || code}`, error)
}

const speaksHttp =
  /EPROTO.*(wrong version number|packet length too long)|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)/
const badCertificate = /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|ERR_TLS_|INVALID_CA|ISSUER_MISMATCH/

/** What an answer other than the wanted one means. `body` is the beginning of it. */
export function answerFailure(
  status: number,
  headers: { 'retry-after'?: string | undefined },
  body: string,
  what: string,
  host: string,
): KubehopError {
  const { code, message } = firstError(body)
  const said = code === '' && message === '' ? '' : `: ${shown([code, message].filter(Boolean).join(': '))}`
  if (status === 401 || status === 403)
    return failure(
      'Unauthorized',
      `${host} does not give ${what} to who asks so (${status}${said}): is the name right, and are there credentials for it?`,
    )
  if (status === 404) return failure('NoImage', `${host} has no ${what}${said}: look at its name and tag`)
  if (status === 429) {
    const after = headers['retry-after']
    const when =
      after === undefined ? 'try again later' : `try again after ${shown(after)}${/^\d+$/.test(after) ? ' s' : ''}`
    return failure('RateLimited', `${host} gives no more for now${said}: ${when}, or with credentials of your own`)
  }
  return failure('RegistryError', `${host} answers ${status} when asked for ${what}${said}`)
}

/** OCI distribution specification, "Error Codes". */
function firstError(body: string): { code: string; message: string } {
  try {
    const [first] = (JSON.parse(body) as { errors?: { code?: unknown; message?: unknown }[] }).errors ?? []
    const text = (value: unknown): string => (typeof value === 'string' ? value : '')
    return { code: text(first?.code), message: text(first?.message) }
  } catch {
    // Whoever stands between us and the registry answers in words of its own.
    return { code: '', message: '' }
  }
}
