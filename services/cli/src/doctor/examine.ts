// What clients need of a cache, tried in their order, from wherever this runs. Each finding is told as it is made.
import { digestOf, parseManifest } from '@cistern/oci';
import type { Answer, Ask, AskOptions } from './ask.ts';
import { explainFailure } from './explain-failure.ts';
import { type Account, logIn } from './log-in.ts';

export interface Finding {
  readonly what: string;
  readonly isWell: boolean;
  /** What was found, or what is wrong and how to mend it. */
  readonly says: string;
}

export interface Patient {
  readonly ask: Ask;
  readonly account: Account | undefined;
  readonly upstream: string;
  readonly repository: string;
  readonly tag: string;
}

/** True if all is well. What cannot be tried after a failure is left out. */
export async function examine(patient: Patient, tell: (finding: Finding) => void): Promise<boolean> {
  const { ask, account, upstream, repository, tag } = patient;
  let headers: Record<string, string> = {};
  let isWell = true;

  async function check<T>(what: string, act: () => Promise<readonly [T, string]>): Promise<T | undefined> {
    try {
      const [result, says] = await act();
      tell({ what, isWell: true, says });
      return result;
    } catch (error) {
      isWell = false;
      tell({ what, isWell: false, says: explainFailure(error) });
      return undefined;
    }
  }
  const get = (path: string, options: AskOptions = {}) =>
    ask(path, { ...options, headers: { ...headers, ...options.headers } });

  const ping = await check('reach', async () => {
    const answer = await ask('/v2/');
    if (answer.headers['docker-distribution-api-version'] === undefined)
      throw new Error(
        `what answers there (${answer.status}) is no registry: look at the address, and at what is before the cache`,
      );
    return [answer, `/v2/ answers ${answer.status}`];
  });
  if (ping === undefined) return false;
  if (ping.status === 401) {
    // By both names by which it is asked for below.
    const scopes = [repository, `${upstream}/${repository}`].map((name) => `repository:${name}:pull`);
    const authorization = await check('log in', async () => {
      const shown = await logIn(ask, ping, account, scopes);
      const answer = await ask('/v2/', { headers: { authorization: shown } });
      if (answer.status !== 200) throw new Error('it refuses the user or the password');
      return [shown, shown.startsWith('Bearer') ? 'by an access token' : 'by password'];
    });
    if (authorization === undefined) return false;
    headers = { authorization };
  }
  const path = `/v2/${repository}/manifests/${tag}?ns=${upstream}`;
  const manifest = await check('manifest by ns', async () => {
    const answer = wellBehaved(await get(path, { headers: { accept: manifestTypes } }), 200);
    const named = answer.headers['x-cistern-upstream'];
    if (named !== upstream) throw new Error(`?ns=${upstream} leads to ${named ?? 'something that is not Cistern'}`);
    const digest = answer.headers['docker-content-digest'];
    if (digest !== digestOf(answer.body)) throw new Error(`its bytes are not what ${digest ?? 'its digest'} says`);
    return [answer, `${digest.slice(0, 19)}…, ${answer.headers['x-cache'] ?? ''}`];
  });
  if (manifest === undefined) return false;
  await check('HEAD', async () => {
    const answer = wellBehaved(await get(path, { method: 'HEAD', headers: { accept: manifestTypes } }), 200);
    for (const name of ['content-type', 'content-length', 'docker-content-digest'])
      if (answer.headers[name] !== manifest.headers[name])
        throw new Error(
          `${name} is ${answer.headers[name] ?? 'absent'} by HEAD and ${manifest.headers[name] ?? 'absent'} by GET: something changes answers on their way`,
        );
    return [answer, `the same headers, ${answer.headers['x-cache'] ?? ''}`];
  });
  await check('manifest by path', async () => {
    const answer = await get(`/v2/${upstream}/${repository}/manifests/${tag}`, { headers: { accept: manifestTypes } });
    return [wellBehaved(answer, 200), `/${upstream}/… works, for podman and by name`];
  });
  await checkBlob(manifest);
  return isWell;

  async function checkBlob({ body, headers: { 'content-type': type } }: Answer): Promise<void> {
    let children = parseManifest(body, type).children;
    const [first] = children;
    if (first?.role === 'manifest') {
      const answer = await get(`/v2/${repository}/manifests/${first.digest}?ns=${upstream}`, {
        headers: { accept: manifestTypes },
      });
      children = answer.status === 200 ? parseManifest(answer.body, answer.headers['content-type']).children : [];
    }
    const blob = children.find(({ role }) => role !== 'manifest');
    if (blob === undefined) return;
    await check('blob, by Range', async () => {
      const url = `/v2/${repository}/blobs/${blob.digest}?ns=${upstream}`;
      const range = { range: 'bytes=0-1' };
      const answer = await get(url, { headers: range });
      const { location } = answer.headers;
      if (answer.status === 307 && location !== undefined) {
        const there = await ask(location, { headers: range }).catch((error: unknown) => {
          throw new Error(
            `clients are sent to ${new URL(location).host} for blobs, which cannot be reached from here: ${explainFailure(error)}`,
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

const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

function wellBehaved(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer;
  const [, message] = /"message":"((?:[^"\\]|\\.)*)"/.exec(answer.body.toString()) ?? [];
  throw new Error(`it answers ${answer.status} and not ${status}${message === undefined ? '' : `: ${message}`}`);
}
