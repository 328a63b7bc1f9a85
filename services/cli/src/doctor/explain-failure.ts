// What is wrong where a cache cannot be reached or a client could not use its answer, and what would mend it.
import type { Answer } from './send-request.ts';

const causes: readonly (readonly [RegExp, string])[] = [
  [/ENOTFOUND|EAI_AGAIN/, 'the name is not known here: look at DNS, or at how it is spelt'],
  [/ECONNREFUSED/, 'nothing listens there: look at the port, and whether the cache runs'],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/, 'the way there is closed: look at routes and firewalls'],
  [
    /TimeoutError|aborted due to timeout/,
    'it does not answer within 30 s: look at firewalls, and at what is before the cache',
  ],
  [
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/,
    'this machine does not know who signed its certificate: give the authority by --ca, and to clients too',
  ],
  [/ERR_TLS_CERT_ALTNAME_INVALID/, 'its certificate is for another name: clients must use one that is in it'],
  [/CERT_HAS_EXPIRED/, 'its certificate has expired: renew it, or look at the clock of this machine'],
  [/CERT_NOT_YET_VALID/, 'its certificate is not valid yet: look at the clock of this machine'],
  [/CERTIFICATE_REQUIRED/, 'it wants a certificate of clients (http.tls.clientcas)'],
  [/EPROTO|WRONG_VERSION_NUMBER/, 'it does not speak TLS there: is it http:// ?'],
  [
    /ECONNRESET|socket hang up|HPE_/,
    'it closes the connection: does it want https://, a client certificate, or a PROXY header?',
  ],
];

/** By status, where the cache itself answers: what to look at, behind the words of the cache. */
const remedies: Readonly<Record<number, string>> = {
  401: 'what is shown is not enough for this: look at the user, and at what is before the cache',
  403: 'look at the rules under `access`, and at what this user may pull',
  429: 'wait, or look at the budget of the upstream and at `limits`',
  502: 'look at the credentials of the upstream in the configuration of the cache',
  503: 'look at the way from the workers to the upstream: names, routes, proxies, authorities',
  504: 'look at the way from the workers to the upstream: names, routes, proxies, authorities',
  508: 'the address of the upstream leads back to the cache: give it the address of the registry itself',
};

/** Why a request got no answer. */
export function explainFailure(error: unknown): string {
  const { code = '', name, message } = error as NodeJS.ErrnoException;
  const text = `${code} ${name} ${message}`;
  return causes.find(([pattern]) => pattern.test(text))?.[1] ?? message;
}

/** The answer, if it has this status and came as it was sent. Throws an error that says what is wrong. */
export function wellBehaved(answer: Answer, status: number): Answer {
  const { 'content-encoding': encoding, 'content-length': length } = answer.headers;
  if (answer.status !== status) throw new Error(describe(answer, status));
  if (encoding !== undefined)
    throw new Error(`it comes with Content-Encoding ${encoding}: what is before the cache must not compress`);
  if (length === undefined)
    throw new Error('it comes without Content-Length: what is before the cache must pass bodies on as they come');
  return answer;
}

function describe({ status, body }: Answer, wanted: number): string {
  const [, message] = /"message":"((?:[^"\\]|\\.)*)"/.exec(body.toString()) ?? [];
  const said = message === undefined ? '' : `: ${message.replace(/\\(.)/g, '$1')}`;
  const remedy = remedyFor(status, wanted, said);
  return `it answers ${status} and not ${wanted}${said}${remedy === undefined ? '' : ` → ${remedy}`}`;
}

function remedyFor(status: number, wanted: number, said: string): string | undefined {
  if (wanted === 206 && status === 200) return 'what is before the cache must pass Range on';
  if (said.includes('names no upstream')) return 'add it to `upstreams` in the configuration of the cache';
  return remedies[status];
}
