// Sends the request of one cell of the table of rights, and judges the response.
import { type Answer, sendRequest } from '@cistern/single-node/send-request';
import type { Credentials, PartContent } from './open-rights-world.ts';
import type { listWays, ways } from './rights-table.ts';

export type Way = (typeof ways)[number];
export type ListWay = (typeof listWays)[number];

const ranges: Readonly<Record<string, string>> = { range: 'bytes=5-9', ranges: 'bytes=5-9,200000-200004' };

export function requestContent(url: string, part: PartContent, way: Way, credentials: Credentials): Promise<Answer> {
  const range = ranges[way];
  return requestPart(url, part, way, leafOf(part, way), {
    method: way === 'head' ? 'HEAD' : 'GET',
    headers: { ...credentials, ...(range !== undefined && { range }) },
  });
}

/** Requests `leaf` of the part's repository, named in the form that the way uses. */
export function requestPart(
  url: string,
  { repository, upstreamName, host }: PartContent,
  way: Way | ListWay,
  leaf: string,
  { method = 'GET', headers }: { readonly method?: string; readonly headers: Readonly<Record<string, string>> },
): Promise<Answer> {
  const path = way === 'prefix' ? `${upstreamName}/${repository}` : repository;
  const query = way === 'ns' ? `?ns=${upstreamName}` : '';
  const named = way === 'host' ? { ...headers, host } : headers;
  return sendRequest(`${url}/v2/${path}/${leaf}${query}`, { method, headers: named });
}

function leafOf({ tag, manifest, blobs }: PartContent, way: Way): string {
  if (way === 'tag') return `manifests/${tag}`;
  return way === 'digest' ? `manifests/${manifest.digest}` : `blobs/${blobs[blobOf(way)].digest}`;
}

function blobOf(way: Way): keyof PartContent['blobs'] {
  if (way === 'memory') return 'config';
  return way === 'flight' ? 'flight' : 'layer';
}

/** Describes how the response differs from the expected one. Undefined means that it is right. */
export function judgeContent(answer: Answer, part: PartContent, way: Way, expected: string): string | undefined {
  if (String(answer.status) !== expected) return `${answer.status} ${answer.body.toString('latin1').slice(0, 300)}`;
  if (!answer.complete) return 'a response that breaks off';
  if (isRefusal(expected)) return findLeak(answer, part);
  const bytes = way === 'tag' || way === 'digest' ? part.manifest.bytes : part.blobs[blobOf(way)].bytes;
  const { body, headers } = answer;
  switch (expected) {
    case '307':
      return headers.location?.includes(part.blobs.layer.digest.slice('sha256:'.length))
        ? undefined
        : 'another location';
    case '206': {
      const isRight =
        body.includes(bytes.subarray(5, 10)) && (way === 'range' || body.includes(bytes.subarray(200_000, 200_005)));
      return isRight ? undefined : 'other bytes';
    }
    default:
      if (way === 'head') return Number(headers['content-length']) === bytes.length ? undefined : 'another length';
      return body.equals(bytes) ? undefined : 'other bytes';
  }
}

export function isRefusal(expected: string): boolean {
  return ['401', '403', '404'].includes(expected);
}

/** A refusal must not contain bytes, digest, size or state of the content. Describes the leak, if there is one. */
export function findLeak({ body, headers }: Answer, { blobs, manifest }: PartContent): string | undefined {
  for (const name of ['docker-content-digest', 'x-cache', 'content-range', 'location', 'etag'])
    if (headers[name] !== undefined) return `a refusal with the header ${name}`;
  for (const { bytes } of [...Object.values(blobs), manifest])
    if (body.includes(bytes.subarray(5, 25)) || body.includes(bytes.subarray(-20)))
      return 'a refusal with bytes of the content';
  return undefined;
}
