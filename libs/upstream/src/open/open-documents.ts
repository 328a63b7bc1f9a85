// Fetches small JSON documents of other servers, such as an issuer's keys, over the same connections and rules as
// registries.
import { CacheError } from '@cistern/errors';
import { untilAborted } from '@cistern/runtime';
import { startCall } from '../calls/call.ts';
import { readWholeBody, refuseEncoded } from '../transport/attempt-layers.ts';
import { createDial, createDialer } from '../transport/dialer.ts';
import { followRedirects } from '../transport/follow-redirects.ts';
import { compose, nameUpstream, type UpstreamIdentity } from '../transport/transport.ts';
import type { OpenUpstreamOptions } from './open-upstream.ts';

export type OpenDocumentsOptions = Pick<OpenUpstreamOptions, 'name' | 'url' | 'tls' | 'instanceId' | 'version'> & {
  readonly proxy: Extract<OpenUpstreamOptions['proxy'], (url: URL) => unknown>;
};

export interface Documents {
  /** Fetches the document at `url`, without retries. Rejects with a CacheError. */
  read(url: URL, signal: AbortSignal): Promise<unknown>;
  close(): Promise<void>;
}

const maxBytes = 256 * 1024;
const deadlineMs = 10_000;
const timeouts = { connectTimeoutMs: 5000, headersTimeoutMs: 8000, bodyIdleTimeoutMs: 8000 };

/**
 * `url` identifies the server. The server may have a private address, but the targets of its redirects may not. The
 * caller closes the result.
 */
export function openDocuments({ name, url, tls = {}, proxy, ...headers }: OpenDocumentsOptions): Documents {
  const upstream: UpstreamIdentity = { name, url: new URL(url) };
  const limits = { keepAliveTimeoutMs: 1000, maxConnections: 2 };
  const dialer = createDialer({ upstream, allowPrivate: false, proxyFor: proxy, tls, ...timeouts, ...limits });
  const transport = compose(
    [readWholeBody({ upstream, countBytes: () => {} }), refuseEncoded(upstream), followRedirects(upstream)],
    createDial({ upstream, dialer, ...headers, ...timeouts }),
  );
  return {
    async read(from, signal) {
      const lifetime = startCall({ upstream }, signal, 'a document');
      lifetime.setDeadline(deadlineMs);
      const { signal: ending } = lifetime;
      const request = { url: from, headers: { accept: 'application/json' }, signal: ending, maxBodyBytes: maxBytes };
      try {
        const answered = transport({ operation: 'token', method: 'GET', ...request });
        const { status, bytes } = await untilAborted(answered, ending);
        if (status !== 200) throw new Error(`the status was ${status}`);
        return JSON.parse(String(bytes)) as unknown;
      } catch (error) {
        if (error instanceof CacheError) throw error;
        signal.throwIfAborted();
        throw new CacheError(
          'upstream-unreachable',
          `${nameUpstream(upstream, from.host)} gave no document at ${from.pathname}: ${(error as Error).message}.`,
          { cause: error },
        );
      } finally {
        lifetime.release();
      }
    },
    close: () => dialer.close(),
  };
}
