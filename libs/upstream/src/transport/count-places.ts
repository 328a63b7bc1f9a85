// Keeps extra connections from taking the places of others. The dialer's pools limit the connections to each host, and requests
// wait there for a free one. An extra request begins only while fewer requests run or wait than there are places.
import { ExtraRefused } from './extra-refused.ts';
import { nameUpstream, type TransportLayer, type UpstreamIdentity } from './transport.ts';

export interface Places {
  /** Waits in the pool as ever. */
  readonly first: TransportLayer;
  /** Rejects at once with `ExtraRefused` where no place is free. One that has begun stays to its end. */
  readonly extra: TransportLayer;
}

/** `max`: of each host. */
export function countPlaces(upstream: UpstreamIdentity, max: number): Places {
  /** By origin: requests that wait, and those whose bodies have not ended. */
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
        const who = nameUpstream(upstream, request.url.host);
        throw new ExtraRefused('cap', `All ${max} connections to ${who} are in use, so no extra one is opened.`);
      };
    },
  };
}
