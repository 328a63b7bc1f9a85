// Asks what listens on an address in use: a node of Cistern, or another program. Each kind of listener has an answer that no
// other program gives. It needs no credentials.
import { randomUUID } from 'node:crypto';
import { request as requestHttp, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';

export type ListenerKind = 'pulls' | 'health' | 'fills' | 'admin';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Sign {
  readonly path: string;
  /** Returns true for the answer of Cistern. The request had `requestId` as `X-Request-Id`. */
  is(answer: Answer, requestId: string): boolean;
}

const signs: Readonly<Record<ListenerKind, Sign>> = {
  // A registry of another kind has the header of the API too, but does not return the ID of the request.
  pulls: {
    path: '/',
    is: ({ headers }, requestId) =>
      headers['docker-distribution-api-version'] === 'registry/2.0' && headers['x-request-id'] === requestId,
  },
  health: { path: '/readyz', is: ({ body }) => hasKeys(body, ['draining', 'failing']) },
  fills: { path: '/', is: ({ status, body }) => status === 401 && /"message":"[^"]*cluster/.test(body) },
  admin: { path: '/', is: ({ body }) => hasKeys(body, ['version', 'healthy', 'parts']) },
};

const limitMs = 3000;
const maxBytes = 64 * 1024;

/**
 * Resolves to `cistern`, to `other` for another HTTP server, or to `silent` if there is no HTTP response within three
 * seconds. With `isSecure` it speaks TLS, and accepts any certificate, because it sends no secret.
 */
export async function askListener(
  kind: ListenerKind,
  { host, port }: { readonly host?: string | undefined; readonly port: number },
  isSecure: boolean,
): Promise<'cistern' | 'other' | 'silent'> {
  const { path, is } = signs[kind];
  const requestId = `check-${randomUUID()}`;
  const hostname = host === undefined || host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  const signal = AbortSignal.timeout(limitMs);
  const options = { hostname, port, path, agent: false, signal, headers: { 'x-request-id': requestId } } as const;
  try {
    const answer = await get(options, isSecure);
    return is(answer, requestId) ? 'cistern' : 'other';
  } catch {
    return 'silent';
  }
}

function get(options: RequestOptions, isSecure: boolean): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = isSecure ? requestHttps({ ...options, rejectUnauthorized: false }) : requestHttp(options);
  sent
    .on('response', (answer) => {
      const { statusCode: status = 0, headers } = answer;
      let body = '';
      answer
        .setEncoding('utf8')
        .on('data', (text: string) => {
          body += text;
          if (body.length > maxBytes) answer.destroy();
        })
        .on('error', () => {})
        .on('close', () => resolve({ status, headers, body }));
    })
    .on('error', reject)
    .end();
  return promise;
}

function hasKeys(body: string, keys: readonly string[]): boolean {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && keys.every((key) => key in value);
  } catch {
    return false;
  }
}
