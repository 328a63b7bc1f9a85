// Headers that every request carries, to token servers and storage too.
import type { TransportLayer } from './transport.ts';

export interface SendHeadersOptions {
  readonly version: string;
  /** Of the whole cluster: a frontend that finds its own in a request has met itself. */
  readonly instanceId: string;
}

export function sendHeaders({ version, instanceId }: SendHeadersOptions): TransportLayer {
  const common = {
    // Digests are of the bytes as stored: a body that was encoded on the way could only be decoded into other bytes.
    'accept-encoding': 'identity',
    'user-agent': `cistern/${version}`,
    'x-cistern-hop': instanceId,
  };
  return (next) => (request) => next({ ...request, headers: { ...common, ...request.headers } });
}
