// The section `limits`: limits per client.
import type { z } from 'zod';
import { listOf, network, section, size, wholeNumber } from '../values/values.ts';

const many = { min: 1, max: 1_000_000_000 };

export const limitsSection = section(
  'Limits per client. A client is a user if users log in, else an address, or a `/64` network of IPv6. A rejected request counts for its address, and so does a failed request for `/token`. Nodes share the counts in Redis. While Redis is unavailable, no limit is enforced.',
  {
    requestsperminute: wholeNumber({ text: 'Requests per minute.', default: 'no limit' }, many).optional(),
    bytesperday: size({ text: 'Bytes sent to a client per day.', default: 'no limit' }).optional(),
    connections: wholeNumber(
      {
        text: 'Connections of one address, or `/64` network of IPv6, to one process at the same time. Proxies in `http.trustedproxies` have no limit. A client in a PROXY header always counts, with any address.',
        default: 'no limit',
      },
      many,
    ).optional(),
    except: listOf('Networks of clients without these limits.', network('Addresses of clients.')).prefault([]),
  },
);

export type LimitsConfig = Readonly<ReturnType<typeof buildLimits>>;

export function buildLimits(limits: z.output<typeof limitsSection>) {
  return {
    requestsPerMinute: limits.requestsperminute,
    bytesPerDay: limits.bytesperday,
    connections: limits.connections,
    /** Networks of clients without limits, in CIDR notation. */
    exceptNetworks: limits.except,
  };
}
