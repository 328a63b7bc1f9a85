// Pulls as clients do, and checks each response: it has the right bytes or is a refusal. This holds for all failures.
// real-time: reports how long the slowest request took; nothing asserts it
import assert from 'node:assert/strict';
import { type Answer, type RequestOptions, sendRequest } from '@cistern/single-node/send-request';
import type { AddedImage } from '@cistern/fake-upstream';
import { digestOf } from '@cistern/oci';

export interface Pulled {
  /** The status of the last response: 200, or the status of the refusal. */
  readonly status: number;
  /** The time of the slowest request. */
  readonly slowestMs: number;
  /** The refused request, and its response. */
  readonly refusal?: string;
}

/** Rejects if a 200 has anything but the whole content of `digest`, or if a connection breaks. */
async function pullOne(url: string, digest: string, options?: RequestOptions): Promise<Answer> {
  const answer = await sendRequest(url, options);
  if (answer.status !== 200) return answer;
  assert.ok(answer.complete, `${url} was cut off after ${answer.body.length} bytes`);
  assert.equal(answer.headers['content-length'], String(answer.body.length), url);
  assert.equal(digestOf(answer.body), digest, url);
  return answer;
}

export interface PullOptions {
  /** A frontend, or the load balancer. */
  readonly at: { readonly url: string };
  readonly image: AddedImage;
  readonly tag: string;
}

/**
 * Sends the requests of docker: HEAD of the tag, the manifest by tag and by digest, config and layers. Ends at the
 * first refusal.
 */
export async function tryPull({ at, image, tag }: PullOptions): Promise<Pulled> {
  const base = `${at.url}/v2/${image.repository}`;
  let slowestMs = 0;
  const timed = async (pending: Promise<Answer>) => {
    const startedAtMs = performance.now();
    const answer = await pending;
    slowestMs = Math.max(slowestMs, performance.now() - startedAtMs);
    return answer;
  };
  const refused = (path: string, { status, body }: Answer): Pulled => ({
    status,
    slowestMs,
    refusal: `${at.url} ${path}: ${status} ${body.toString().slice(0, 300)}`,
  });
  const head = await timed(sendRequest(`${base}/manifests/${tag}`, { method: 'HEAD' }));
  if (head.status !== 200) return refused(`HEAD ${tag}`, head);
  assert.equal(head.headers['docker-content-digest'], image.digest);
  for (const reference of [tag, image.digest]) {
    const manifest = await timed(pullOne(`${base}/manifests/${reference}`, image.digest));
    if (manifest.status !== 200) return refused(`GET ${reference}`, manifest);
  }
  for (const { digest } of [image.config, ...image.layers]) {
    const blob = await timed(pullOne(`${base}/blobs/${digest}`, digest));
    if (blob.status !== 200) return refused(`GET blob ${digest}`, blob);
  }
  return { status: 200, slowestMs };
}

export async function pullImage(options: PullOptions): Promise<void> {
  assert.equal((await tryPull(options)).status, 200, options.at.url);
}
