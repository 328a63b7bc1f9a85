// Explains why a cache is unreachable or why its response is unusable, and names the fix.
import type { Answer } from './send-request.ts';

const causes: readonly (readonly [RegExp, string])[] = [
  [/ENOTFOUND|EAI_AGAIN/, 'this machine cannot resolve the name: check DNS and the spelling'],
  [/ECONNREFUSED/, 'nothing listens there: check the port, and that the cache runs'],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/, 'there is no route to it: check routes and firewalls'],
  [/TimeoutError|AbortError/, 'it sends no response within 30 s: check firewalls, and any proxy in front of the cache'],
  [
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/,
    'this machine does not trust the CA of its certificate: pass the CA certificate with --ca, and to clients too',
  ],
  [/ERR_TLS_CERT_ALTNAME_INVALID/, 'its certificate is for another name: clients must use a name of the certificate'],
  [/CERT_HAS_EXPIRED/, 'its certificate has expired: renew it, or check the clock of this machine'],
  [/CERT_NOT_YET_VALID/, 'its certificate is not valid yet: check the clock of this machine'],
  [/CERTIFICATE_REQUIRED/, 'it requires a client certificate (http.tls.clientcas)'],
  [/EPROTO|WRONG_VERSION_NUMBER/, 'it does not speak TLS there: is it http:// ?'],
  [
    /ECONNRESET|socket hang up|HPE_/,
    'it closes the connection: does it need https://, a client certificate, or a PROXY header?',
  ],
];

/** The fix for each status of the cache's own error responses. It is printed after the message of the response. */
const remedies: Readonly<Record<number, string>> = {
  401: 'the credentials are not sufficient: check the user, and any proxy in front of the cache',
  403: 'check the rules of `access`, and the repositories that this user may pull',
  429: 'wait, or check the budget of the upstream and `limits`',
  502: 'check the credentials of the upstream in the configuration of the cache',
  503: 'check the connection from the workers to the upstream: DNS, routes, proxies, CA certificates',
  504: 'check the connection from the workers to the upstream: DNS, routes, proxies, CA certificates',
  508: 'the address of the upstream leads back to the cache: set it to the address of the registry itself',
};

/** Returns the reason why a request got no response, with the fix. Returns the error's message for other errors. */
export function explainFailure(error: unknown): string {
  const { code = '', name, message } = error as NodeJS.ErrnoException;
  const text = `${code} ${name} ${message}`;
  return causes.find(([pattern]) => pattern.test(text))?.[1] ?? message;
}

/**
 * Returns the response if it has this status, a Content-Length and no Content-Encoding. Otherwise throws an error that
 * names the fault.
 */
export function checkResponse(answer: Answer, status: number): Answer {
  const { 'content-encoding': encoding, 'content-length': length } = answer.headers;
  if (answer.status !== status) throw new Error(describe(answer, status));
  if (encoding !== undefined)
    throw new Error(`it has Content-Encoding ${encoding}: the proxy in front of the cache must not compress`);
  if (length === undefined)
    throw new Error('it has no Content-Length: the proxy in front of the cache must pass bodies on without buffering');
  return answer;
}

function describe({ status, body }: Answer, wanted: number): string {
  const [, message] = /"message":"((?:[^"\\]|\\.)*)"/.exec(body.toString()) ?? [];
  const said = message === undefined ? '' : `: ${message.replace(/\\(.)/g, '$1')}`;
  const remedy = remedyFor(status, wanted, said);
  return `it returns ${status} instead of ${wanted}${said}${remedy === undefined ? '' : ` → ${remedy}`}`;
}

function remedyFor(status: number, wanted: number, said: string): string | undefined {
  if (wanted === 206 && status === 200) return 'the proxy in front of the cache must pass Range on';
  if (said.includes('names no upstream')) return 'add it to `upstreams` in the configuration of the cache';
  return remedies[status];
}
