// GET and HEAD of a manifest by tag or digest. Both have the same headers, as clients expect.
import type { IncomingHttpHeaders } from 'node:http';
import type { Body } from '../content/body.ts';
import type { StoredManifest } from '../content/content.ts';
import { type Answer, answer, errorAnswer } from './answer.ts';

export interface ManifestRequest {
  readonly reference: string;
  readonly manifest: StoredManifest | undefined;
  /** The body to send, modified by a fault or not. */
  readonly body: Body | undefined;
  readonly headers: IncomingHttpHeaders;
}

export function manifestAnswer({ reference, manifest, body, headers }: ManifestRequest): Answer {
  if (manifest === undefined || body === undefined)
    return errorAnswer(404, 'MANIFEST_UNKNOWN', `manifest unknown: ${reference}`);
  const etag = `"${manifest.digest}"`;
  if (headers['if-none-match'] === etag) return answer(304, { etag }, '');
  return {
    status: 200,
    headers: {
      'content-type': manifest.mediaType,
      'content-length': String(body.size),
      'docker-content-digest': manifest.digest,
      etag,
    },
    body,
  };
}
