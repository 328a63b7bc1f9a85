// Tries the needs of clients on a cache, in the order in which clients have them. Each finding is reported at once.
import { type Digest, digestOf, manifestAcceptHeader, parseManifest } from '@cistern/oci';
import { explainFailure, wellBehaved } from './explain-failure.ts';
import { type Account, logIn } from './log-in.ts';
import type { Answer, RequestOptions, SendRequest } from './send-request.ts';

export interface Finding {
  readonly what: string;
  readonly isWell: boolean;
  /** The result, or the fault and how to mend it. */
  readonly says: string;
}

export interface Patient {
  /** As clients have it, without a path. */
  readonly url: string;
  readonly send: SendRequest;
  readonly account: Account | undefined;
  readonly upstream: string;
  readonly repository: string;
  readonly tag: string;
}

/** The result of an examination and the words for it. An error says what is wrong. */
type Examined<T> = Promise<readonly [T, string]>;

/** Leaves out the examinations that a failure makes impossible. */
export async function examine(patient: Patient, report: (finding: Finding) => void): Promise<void> {
  async function check<T>(what: string, examination: () => Examined<T>): Promise<T | undefined> {
    try {
      const [result, says] = await examination();
      report({ what, isWell: true, says });
      return result;
    } catch (error) {
      report({ what, isWell: false, says: explainFailure(error) });
      return undefined;
    }
  }

  const ping = await check('reach', () => reach(patient));
  if (ping === undefined) return;
  await check('clock', async () => [ping, judgeClock(ping.headers['date'])]);
  let client = withHeaders(patient, { accept: manifestAcceptHeader });
  if (ping.status === 401) {
    const authorization = await check('log in', () => authorize(patient, ping));
    if (authorization === undefined) return;
    client = withHeaders(patient, { accept: manifestAcceptHeader, authorization });
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

/** The patient as a client sees it that sends `headers` with every request to it. */
interface Client extends Patient {
  get(path: string, options?: RequestOptions): Promise<Answer>;
}

function withHeaders(patient: Patient, headers: Readonly<Record<string, string>>): Client {
  return {
    ...patient,
    get: (path, options = {}) => patient.send(path, { ...options, headers: { ...headers, ...options.headers } }),
  };
}

async function reach({ send }: Patient): Examined<Answer> {
  const answer = await send('/v2/');
  if (answer.headers['docker-distribution-api-version'] === undefined)
    throw new Error(
      `what answers there (${answer.status}) is no registry: look at the address, and at what is before the cache`,
    );
  return [answer, `/v2/ answers ${answer.status}`];
}

/** The date of RFC 9110 has whole seconds; tokens bear a minute. */
const toleranceMs = 60_000;

/** Throws an error that says how far they are apart. `date`: as in an answer. */
function judgeClock(date: string | undefined, nowMs = Date.now()): string {
  const thereMs = Date.parse(date ?? '');
  if (Number.isNaN(thereMs)) return 'the cache sends no date';
  const apartMs = Math.abs(nowMs - thereMs);
  if (apartMs <= toleranceMs) return 'as here';
  const apart = `${Math.round(apartMs / 60_000)} minutes ${thereMs > nowMs ? 'ahead of' : 'behind'} this machine`;
  throw new Error(
    `the cache is ${apart}: set both by NTP, else tokens and certificates seem to be over or not to begin`,
  );
}

async function authorize({ url, send, account, upstream, repository }: Patient, ping: Answer): Examined<string> {
  // By both names by which it is requested later.
  const scopes = [repository, `${upstream}/${repository}`].map((name) => `repository:${name}:pull`);
  const shown = await logIn(send, url, ping, account, scopes);
  return [shown, shown.startsWith('Bearer') ? 'by an access token' : 'by password'];
}

/** podman asks for a thousand ranges in a header of 22 KiB. */
const longHeaderBytes = 22 * 1024;

async function sendLongHeaders({ get }: Client): Examined<number> {
  const size = `${longHeaderBytes / 1024} KiB`;
  const status = await get('/v2/', { headers: { 'x-long': 'x'.repeat(longHeaderBytes) } }).then(
    (answer) => answer.status,
    () => 0,
  );
  if (status !== 200)
    throw new Error(
      `headers of ${size} do not arrive (${status || 'the connection is closed'}): what is before the cache needs larger buffers, else podman’s partial pulls fail`,
    );
  return [status, `${size} arrive`];
}

async function sendQuery({ get, repository }: Client): Examined<Answer> {
  // Refused for its query, whatever the cache's upstreams are. A cache of one upstream may ignore an unknown `ns`.
  const answer = await get(`/v2/${repository}/tags/list?n=none`);
  if (!answer.body.includes('PAGINATION_NUMBER_INVALID'))
    throw new Error('?ns= does not arrive: what is before the cache must pass the query on, as containerd sends it');
  return [answer, 'the query arrives'];
}

const manifestPath = ({ repository, tag, upstream }: Patient) => `/v2/${repository}/manifests/${tag}?ns=${upstream}`;

async function getManifest(client: Client): Examined<Answer> {
  const { upstream } = client;
  const answer = wellBehaved(await client.get(manifestPath(client)), 200);
  const named = answer.headers['x-cistern-upstream'];
  if (named !== upstream) throw new Error(`?ns=${upstream} leads to ${named ?? 'something that is not Cistern'}`);
  const digest = answer.headers['docker-content-digest'];
  if (digest !== digestOf(answer.body)) throw new Error(`its bytes are not what ${digest ?? 'its digest'} says`);
  return [answer, `${digest.slice(0, 19)}…, ${answer.headers['x-cache'] ?? ''}`];
}

async function compareHead(client: Client, manifest: Answer): Examined<Answer> {
  const answer = wellBehaved(await client.get(manifestPath(client), { method: 'HEAD' }), 200);
  for (const name of ['content-type', 'content-length', 'docker-content-digest'])
    if (answer.headers[name] !== manifest.headers[name])
      throw new Error(
        `${name} is ${answer.headers[name] ?? 'absent'} by HEAD and ${manifest.headers[name] ?? 'absent'} by GET: something changes answers on their way`,
      );
  return [answer, `the same headers, ${answer.headers['x-cache'] ?? ''}`];
}

async function getManifestByPath({ get, upstream, repository, tag }: Client): Examined<Answer> {
  const answer = await get(`/v2/${upstream}/${repository}/manifests/${tag}`);
  return [wellBehaved(answer, 200), `/${upstream}/… works, for podman and by name`];
}

/** The first blob of the image, or of the first one of an index. */
async function findBlob({ get, upstream, repository }: Client, { body, headers }: Answer): Promise<Digest | undefined> {
  let { children } = parseManifest(body, headers['content-type']);
  const [first] = children;
  if (first?.role === 'manifest') {
    const answer = await get(`/v2/${repository}/manifests/${first.digest}?ns=${upstream}`);
    children = answer.status === 200 ? parseManifest(answer.body, answer.headers['content-type']).children : [];
  }
  return children.find(({ role }) => role !== 'manifest')?.digest;
}

async function getRange({ get, send, upstream, repository }: Client, blob: Digest): Examined<Answer> {
  // As containerd sends it, which undoes what it accepts: no cache and nothing before one may take it at its word.
  const wanted = { range: 'bytes=0-1', 'accept-encoding': 'zstd;q=1.0, gzip;q=0.8, deflate;q=0.5' };
  const answer = await get(`/v2/${repository}/blobs/${blob}?ns=${upstream}`, { headers: wanted });
  const { location } = answer.headers;
  if (answer.status === 307 && location !== undefined) {
    const there = await send(location, { headers: wanted }).catch((error: unknown) => {
      throw new Error(
        `clients are sent to ${new URL(location).host} for blobs, which cannot be reached from here (${explainFailure(error)}): give storage.redirect an endpoint that can, or switch it off`,
      );
    });
    return [wellBehaved(there, 206), `from the store, ${new URL(location).host}`];
  }
  wellBehaved(answer, 206);
  if (!answer.headers['content-range']?.startsWith('bytes 0-1/'))
    throw new Error('its Content-Range is not for what was asked');
  return [answer, `${answer.headers['content-range'] ?? ''}, ${answer.headers['x-cache'] ?? ''}`];
}
