// What clients need of a cache, tried in their order, from wherever this runs. Each finding is told as it is made.
import { digestOf, manifestAcceptHeader, parseManifest } from '@cistern/oci';
import type { Answer, Ask, AskOptions } from './ask.ts';
import { explainFailure } from './explain-failure.ts';
import { wellBehaved } from './judge-answer.ts';
import { type Account, logIn } from './log-in.ts';

/** The date of RFC 9110 has whole seconds; tokens bear a minute. */
const toleranceMs = 60_000;

export interface Finding {
  readonly what: string;
  readonly isWell: boolean;
  /** What was found, or what is wrong and how to mend it. */
  readonly says: string;
}

export interface Patient {
  /** As clients have it, without a path. */
  readonly url: string;
  readonly ask: Ask;
  readonly account: Account | undefined;
  readonly upstream: string;
  readonly repository: string;
  readonly tag: string;
}

/** podman asks for a thousand ranges in a header of 22 KiB. */
const longHeaderBytes = 22 * 1024;

/** What cannot be tried after a failure is left out. */
export async function examine(patient: Patient, tell: (finding: Finding) => void): Promise<void> {
  const { url: cacheUrl, ask, account, upstream, repository, tag } = patient;
  let headers: Record<string, string> = {};

  async function check<T>(what: string, act: () => Promise<readonly [T, string]>): Promise<T | undefined> {
    try {
      const [result, says] = await act();
      tell({ what, isWell: true, says });
      return result;
    } catch (error) {
      tell({ what, isWell: false, says: explainFailure(error) });
      return undefined;
    }
  }
  const get = (path: string, options: AskOptions = {}) =>
    ask(path, { ...options, headers: { accept: manifestAcceptHeader, ...headers, ...options.headers } });

  const ping = await check('reach', async () => {
    const answer = await ask('/v2/');
    if (answer.headers['docker-distribution-api-version'] === undefined)
      throw new Error(
        `what answers there (${answer.status}) is no registry: look at the address, and at what is before the cache`,
      );
    return [answer, `/v2/ answers ${answer.status}`];
  });
  if (ping === undefined) return;
  await check('clock', async () => [ping, judgeClock(ping.headers['date'])]);
  if (ping.status === 401) {
    // By both names by which it is asked for below.
    const scopes = [repository, `${upstream}/${repository}`].map((name) => `repository:${name}:pull`);
    const authorization = await check('log in', async () => {
      const shown = await logIn(ask, cacheUrl, ping, account, scopes);
      return [shown, shown.startsWith('Bearer') ? 'by an access token' : 'by password'];
    });
    if (authorization === undefined) return;
    headers = { authorization };
  }
  await check('long headers', async () => {
    const size = `${longHeaderBytes / 1024} KiB`;
    const long = get('/v2/', { headers: { 'x-long': 'x'.repeat(longHeaderBytes) } });
    const status = await long.then(
      (answer) => answer.status,
      () => 0,
    );
    if (status !== 200)
      throw new Error(
        `headers of ${size} do not arrive (${status || 'the connection is closed'}): what is before the cache needs larger buffers, else podman’s partial pulls fail`,
      );
    return [status, `${size} arrive`];
  });
  await check('ns', async () => {
    // Refused for its query, whatever the cache's upstreams are. A cache of one upstream may ignore an unknown `ns`.
    const answer = await get(`/v2/${repository}/tags/list?n=none`);
    if (!answer.body.includes('PAGINATION_NUMBER_INVALID'))
      throw new Error('?ns= does not arrive: what is before the cache must pass the query on, as containerd sends it');
    return [answer, 'the query arrives'];
  });
  const path = `/v2/${repository}/manifests/${tag}?ns=${upstream}`;
  const manifest = await check('manifest by ns', async () => {
    const answer = wellBehaved(await get(path), 200);
    const named = answer.headers['x-cistern-upstream'];
    if (named !== upstream) throw new Error(`?ns=${upstream} leads to ${named ?? 'something that is not Cistern'}`);
    const digest = answer.headers['docker-content-digest'];
    if (digest !== digestOf(answer.body)) throw new Error(`its bytes are not what ${digest ?? 'its digest'} says`);
    return [answer, `${digest.slice(0, 19)}…, ${answer.headers['x-cache'] ?? ''}`];
  });
  if (manifest === undefined) return;
  await check('HEAD', async () => {
    const answer = wellBehaved(await get(path, { method: 'HEAD' }), 200);
    for (const name of ['content-type', 'content-length', 'docker-content-digest'])
      if (answer.headers[name] !== manifest.headers[name])
        throw new Error(
          `${name} is ${answer.headers[name] ?? 'absent'} by HEAD and ${manifest.headers[name] ?? 'absent'} by GET: something changes answers on their way`,
        );
    return [answer, `the same headers, ${answer.headers['x-cache'] ?? ''}`];
  });
  await check('manifest by path', async () => {
    const answer = await get(`/v2/${upstream}/${repository}/manifests/${tag}`);
    return [wellBehaved(answer, 200), `/${upstream}/… works, for podman and by name`];
  });
  await checkBlob(manifest);

  async function checkBlob({ body, headers: { 'content-type': type } }: Answer): Promise<void> {
    let children = parseManifest(body, type).children;
    const [first] = children;
    if (first?.role === 'manifest') {
      const answer = await get(`/v2/${repository}/manifests/${first.digest}?ns=${upstream}`);
      children = answer.status === 200 ? parseManifest(answer.body, answer.headers['content-type']).children : [];
    }
    const blob = children.find(({ role }) => role !== 'manifest');
    if (blob === undefined) return;
    await check('blob, by Range', async () => {
      // As containerd asks, which undoes what it accepts: no cache and nothing before one may take it at its word.
      const wanted = { range: 'bytes=0-1', 'accept-encoding': 'zstd;q=1.0, gzip;q=0.8, deflate;q=0.5' };
      const answer = await get(`/v2/${repository}/blobs/${blob.digest}?ns=${upstream}`, { headers: wanted });
      const { location } = answer.headers;
      if (answer.status === 307 && location !== undefined) {
        const there = await ask(location, { headers: wanted }).catch((error: unknown) => {
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
    });
  }
}

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
