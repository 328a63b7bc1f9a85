// Simulates the pull limit of Docker Hub on a clock of the simulation. Manifest GETs count against a window of six
// hours that begins with the first of them. HEADs do not count, and they return the remaining pulls.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { digestOf, mediaTypes } from '@cistern/oci';

export interface DockerHubOptions {
  readonly pullsPerWindow: number;
  readonly windowMs: number;
  readonly now: () => number;
}

export interface DockerHub {
  readonly url: string;
  readonly counts: { heads: number; gets: number; refusals: number };
  /** Digests that a response has contained. */
  readonly digestsSeen: ReadonlySet<string>;
  /** Returns the pulls left now. */
  remaining(): number;
  /** Points the tag to an image with this content, which may replace an earlier one. */
  setTag(repository: string, tag: string, content: string): void;
  close(): Promise<void>;
}

export async function openDockerHub({ pullsPerWindow, windowMs, now }: DockerHubOptions): Promise<DockerHub> {
  const counts = { heads: 0, gets: 0, refusals: 0 };
  const digestsSeen = new Set<string>();
  const manifests = new Map<string, { readonly bytes: Buffer; readonly digest: string }>();
  let window = { endsAtMs: 0, used: 0 };

  const remaining = (): number => (now() >= window.endsAtMs ? pullsPerWindow : pullsPerWindow - window.used);

  function pull(): boolean {
    if (now() >= window.endsAtMs) window = { endsAtMs: now() + windowMs, used: 0 };
    if (window.used >= pullsPerWindow) return false;
    window.used += 1;
    return true;
  }

  const limits = (): Record<string, string> => ({
    'ratelimit-limit': `${pullsPerWindow};w=${windowMs / 1000}`,
    'ratelimit-remaining': `${remaining()};w=${windowMs / 1000}`,
    'docker-ratelimit-source': '203.0.113.7',
  });

  function answer({ method, url = '' }: IncomingMessage, response: ServerResponse): void {
    const [, repository, reference] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(url) ?? [];
    const manifest = manifests.get(`${repository} ${reference}`);
    if (manifest === undefined) {
      response.writeHead(404).end();
    } else if (method === 'GET' && !pull()) {
      counts.refusals += 1;
      response.writeHead(429, limits()).end();
    } else {
      counts[method === 'GET' ? 'gets' : 'heads'] += 1;
      digestsSeen.add(manifest.digest);
      response.writeHead(200, {
        ...limits(),
        'content-type': mediaTypes.ociManifest,
        'content-length': manifest.bytes.length,
        'docker-content-digest': manifest.digest,
      });
      response.end(method === 'GET' ? manifest.bytes : undefined);
    }
  }

  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    counts,
    digestsSeen,
    remaining,
    setTag(repository, tag, content) {
      const config = {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: digestOf(Buffer.from(content)),
        size: 2,
      };
      const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] };
      const bytes = Buffer.from(JSON.stringify(manifest));
      const digest = digestOf(bytes);
      for (const reference of [tag, digest]) manifests.set(`${repository} ${reference}`, { bytes, digest });
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
