// Prevents extra requests for a blob from taking the connections of other requests. The dialer's pools limit the
// connections to each host, and requests wait in them for a free connection. An extra request is sent only while the
// requests that run or wait are fewer than the limit.
import { ExtraRefused } from './extra-refused.ts';
import { nameUpstream, type TransportLayer, type UpstreamIdentity } from './transport.ts';

export interface ConnectionSlots {
  /** Waits for a free connection of the pool. */
  readonly first: TransportLayer;
  /** Rejects immediately with `ExtraRefused` if no connection is free. A request that has begun runs to its end. */
  readonly extra: TransportLayer;
}

/** `max` limits the connections to each host. */
export function createConnectionSlots(upstream: UpstreamIdentity, max: number): ConnectionSlots {
  /** Counts, by origin, the requests that wait and those whose bodies have not ended. */
  const taken = new Map<string, number>();

  const first: TransportLayer = (next) => async (request) => {
    const { origin } = request.url;
    const change = (by: number): void => {
      const count = (taken.get(origin) ?? 0) + by;
      if (count === 0) taken.delete(origin);
      else taken.set(origin, count);
    };
    change(1);
    try {
      const response = await next(request);
      if (response.body.closed) change(-1);
      else response.body.once('close', () => change(-1));
      return response;
    } catch (error) {
      change(-1);
      throw error;
    }
  };

  return {
    first,
    extra: (next) => {
      const begin = first(next);
      return async (request) => {
        if ((taken.get(request.url.origin) ?? 0) < max) return begin(request);
        const server = nameUpstream(upstream, request.url.host);
        throw new ExtraRefused('cap', `All ${max} connections to ${server} are in use, so no extra one is opened.`);
      };
    },
  };
}
