// Checks a cache for everything that clients need, in the order in which clients send their requests.
import { type Digest, digestOf, manifestAcceptHeader, parseManifest } from '@cistern/oci';
import { clockDifferenceMs, describeDifference } from '../http/judge-clock.ts';
import { explainFailure, checkResponse } from './explain-failure.ts';
import { type Account, logIn } from './log-in.ts';
import type { Answer, RequestOptions, SendRequest } from '../http/send-request.ts';

export interface Finding {
  readonly check: string;
  readonly isOk: boolean;
  /** The result of a passed check; otherwise the fault and its fix. */
  readonly message: string;
}

export interface Target {
  /** The address of the cache for clients, without a path. */
  readonly url: string;
  readonly send: SendRequest;
  readonly account: Account | undefined;
  readonly upstream: string;
  readonly repository: string;
  readonly tag: string;
}

/** Resolves to the result of a check and a description of the result. Rejects with an error that names the fault. */
type CheckResult<T> = Promise<readonly [T, string]>;

/** Runs all checks, except those that an earlier failure makes impossible. Reports each finding immediately. */
export async function examine(target: Target, report: (finding: Finding) => void): Promise<void> {
  async function check<T>(name: string, run: () => CheckResult<T>): Promise<T | undefined> {
    try {
      const [result, message] = await run();
      report({ check: name, isOk: true, message });
      return result;
    } catch (error) {
      report({ check: name, isOk: false, message: explainFailure(error) });
      return undefined;
    }
  }

  const ping = await check('reach', () => reach(target));
  if (ping === undefined) return;
  await check('clock', async () => [ping, judgeClock(ping.headers['date'])]);
  let client = withHeaders(target, { accept: manifestAcceptHeader });
  if (ping.status === 401) {
    const authorization = await check('log in', () => authorize(target, ping));
    if (authorization === undefined) return;
    client = withHeaders(target, { accept: manifestAcceptHeader, authorization });
  }
  await check('long headers', () => sendLongHeaders(client));
  await check('ns', () => sendQuery(client));
  const manifest = await check('manifest by ns', () => getManifest(client));
  if (manifest === undefined) return;
  await check('HEAD', () => compareHead(client, manifest));
  await check('manifest by path', () => getManifestByPath(client));
  const blob = await findBlob(client, manifest);
  if (blob !== undefined) await check('blob, by Range', () => getRange(client, blob));
}

/** A target with a `get` that adds the same headers to every request. */
interface Client extends Target {
  get(path: string, options?: RequestOptions): Promise<Answer>;
}

function withHeaders(target: Target, headers: Readonly<Record<string, string>>): Client {
  return {
    ...target,
    get: (path, options = {}) => target.send(path, { ...options, headers: { ...headers, ...options.headers } }),
  };
}

async function reach({ send }: Target): CheckResult<Answer> {
  const answer = await send('/v2/');
  if (answer.headers['docker-distribution-api-version'] === undefined)
    throw new Error(
      `the server there (${answer.status}) is no registry: check the address, and any proxy in front of the cache`,
    );
  return [answer, `/v2/ returns ${answer.status}`];
}

/** Compares the `Date` header of a response with this machine's clock. Throws an error that names the difference. */
function judgeClock(date: string | undefined): string {
  const differenceMs = clockDifferenceMs(date, Date.now());
  if (differenceMs === undefined) return 'the cache sends no date';
  const apart = describeDifference(differenceMs);
  if (apart === undefined) return 'matches this machine';
  throw new Error(
    `the clock of the cache is ${apart}: set both by NTP, else tokens and certificates seem expired or not yet valid`,
  );
}

async function authorize({ url, send, account, upstream, repository }: Target, ping: Answer): CheckResult<string> {
  // The later checks pull by both names: the first with `?ns=`, the second in the path.
  const scopes = [repository, `${upstream}/${repository}`].map((name) => `repository:${name}:pull`);
  const shown = await logIn(send, url, ping, account, scopes);
  return [shown, shown.startsWith('Bearer') ? 'by an access token' : 'by password'];
}

/** The size of the test header. podman sends a header of this size to request a thousand ranges. */
const longHeaderBytes = 22 * 1024;

async function sendLongHeaders({ get }: Client): CheckResult<number> {
  const size = `${longHeaderBytes / 1024} KiB`;
  const status = await get('/v2/', { headers: { 'x-long': 'x'.repeat(longHeaderBytes) } }).then(
    (answer) => answer.status,
    () => 0,
  );
  if (status !== 200)
    throw new Error(
      `headers of ${size} do not arrive (${status || 'the connection is closed'}): the proxy in front of the cache needs larger buffers, else podman’s partial pulls fail`,
    );
  return [status, `${size} arrive`];
}

async function sendQuery({ get, repository }: Client): CheckResult<Answer> {
  // Every cache rejects `n=none`, so the rejection proves that the query arrives. An unknown `ns` proves nothing,
  // because a cache with one upstream can ignore it.
  const answer = await get(`/v2/${repository}/tags/list?n=none`);
  if (!answer.body.includes('PAGINATION_NUMBER_INVALID'))
    throw new Error('?ns= does not arrive: the proxy in front of the cache must pass the query on unchanged');
  return [answer, 'the query arrives'];
}

const manifestPath = ({ repository, tag, upstream }: Target) => `/v2/${repository}/manifests/${tag}?ns=${upstream}`;

async function getManifest(client: Client): CheckResult<Answer> {
  const { upstream } = client;
  const answer = checkResponse(await client.get(manifestPath(client)), 200);
  const named = answer.headers['x-cistern-upstream'];
  if (named !== upstream) throw new Error(`?ns=${upstream} leads to ${named ?? 'a server that is not Cistern'}`);
  const digest = answer.headers['docker-content-digest'];
  if (digest !== digestOf(answer.body)) throw new Error(`its bytes do not match ${digest ?? 'its digest'}`);
  return [answer, `${digest.slice(0, 19)}…, ${answer.headers['x-cache'] ?? ''}`];
}

async function compareHead(client: Client, manifest: Answer): CheckResult<Answer> {
  const answer = checkResponse(await client.get(manifestPath(client), { method: 'HEAD' }), 200);
  for (const name of ['content-type', 'content-length', 'docker-content-digest'])
    if (answer.headers[name] !== manifest.headers[name])
      throw new Error(
        `${name} is ${answer.headers[name] ?? 'absent'} by HEAD and ${manifest.headers[name] ?? 'absent'} by GET: a proxy in front of the cache changes responses`,
      );
  return [answer, `the same headers, ${answer.headers['x-cache'] ?? ''}`];
}

async function getManifestByPath({ get, upstream, repository, tag }: Client): CheckResult<Answer> {
  const answer = await get(`/v2/${upstream}/${repository}/manifests/${tag}`);
  return [checkResponse(answer, 200), `/${upstream}/… works, for podman and for names with the cache`];
}

/** Returns the first blob of the image, or of the first image of an index. Returns `undefined` if there is no blob. */
async function findBlob({ get, upstream, repository }: Client, { body, headers }: Answer): Promise<Digest | undefined> {
  let { children } = parseManifest(body, headers['content-type']);
  const [first] = children;
  if (first?.role === 'manifest') {
    const answer = await get(`/v2/${repository}/manifests/${first.digest}?ns=${upstream}`);
    children = answer.status === 200 ? parseManifest(answer.body, answer.headers['content-type']).children : [];
  }
  return children.find(({ role }) => role !== 'manifest')?.digest;
}

async function getRange({ get, send, upstream, repository }: Client, blob: Digest): CheckResult<Answer> {
  // containerd sends these headers and can decode these encodings. Nevertheless, neither the cache nor a proxy may
  // compress the response.
  const wanted = { range: 'bytes=0-1', 'accept-encoding': 'zstd;q=1.0, gzip;q=0.8, deflate;q=0.5' };
  const answer = await get(`/v2/${repository}/blobs/${blob}?ns=${upstream}`, { headers: wanted });
  const { location } = answer.headers;
  if (answer.status === 307 && location !== undefined) {
    const there = await send(location, { headers: wanted }).catch((error: unknown) => {
      throw new Error(
        `clients are redirected to ${new URL(location).host} for blobs, and this machine cannot reach it (${explainFailure(error)}): set storage.redirect.endpoint to a reachable address, or disable storage.redirect`,
      );
    });
    return [checkResponse(there, 206), `from the store, ${new URL(location).host}`];
  }
  checkResponse(answer, 206);
  if (!answer.headers['content-range']?.startsWith('bytes 0-1/'))
    throw new Error('its Content-Range does not match the requested range');
  return [answer, `${answer.headers['content-range'] ?? ''}, ${answer.headers['x-cache'] ?? ''}`];
}
