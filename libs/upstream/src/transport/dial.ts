// The bottom of the stack: one HTTP request on a connection of the dialer.
import type { UpstreamIdentity } from '../upstream-identity.ts';
import type { Dialer } from './dialer.ts';
import { toNetworkError } from './network-error.ts';
import type { Transport } from './transport.ts';

export interface DialOptions {
  readonly upstream: UpstreamIdentity;
  readonly dialer: Dialer;
  readonly headersTimeoutMs: number;
  readonly bodyIdleTimeoutMs: number;
}

export function createDial({ upstream, dialer, headersTimeoutMs, bodyIdleTimeoutMs }: DialOptions): Transport {
  return async ({ method, url, isRedirected, headers, body, signal }) => {
    try {
      signal.throwIfAborted();
      const response = await dialer.dispatcherFor(url, isRedirected).request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: { ...headers },
        body: body ?? null,
        signal,
        headersTimeout: headersTimeoutMs,
        bodyTimeout: bodyIdleTimeoutMs,
        // Else undici closes the connection after every HEAD, and a HEAD is what most of our requests are.
        reset: false,
      });
      return { status: response.statusCode, headers: response.headers, url, body: response.body };
    } catch (error) {
      throw toNetworkError(error, { upstream, url, signal });
    }
  };
}
