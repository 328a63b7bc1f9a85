// Explains why a cache is unreachable or why its response is unusable, and names the fix.
import { explainConnection } from '../http/explain-connection.ts';
import type { Answer } from '../http/send-request.ts';

/** How long `SendRequest` waits, in words. */
const limit = '30 s';
const trust = 'pass the CA certificate with --ca, and to clients too';

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
  return explainConnection(error, { trust, limit });
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
