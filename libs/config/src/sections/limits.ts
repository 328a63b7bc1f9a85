// What one client may take.
import type { z } from 'zod';
import { listOf, network, section, size, wholeNumber } from '../values/values.ts';

const many = { min: 1, max: 1_000_000_000 };

export const limitsSection = section(
  'What one client may take of the cache: a user where users log in, else an address, of IPv6 a network (`/64`). A refused request counts for its address, as does one for `/token` that gets no token. Nodes count together in Redis; while that does not answer, no client is held to a limit.',
  {
    requestsperminute: wholeNumber({ text: 'Requests in a minute.', default: 'any number' }, many).optional(),
    bytesperday: size({ text: 'What a client may be sent in a day.', default: 'any amount' }).optional(),
    connections: wholeNumber(
      {
        text: 'Connections of one address (of IPv6: one `/64`) to one process at a time. Proxies in `http.trustedproxies` may have any number. A client that a PROXY header names counts, whatever its address.',
        default: 'any number',
      },
      many,
    ).optional(),
    except: listOf('Clients that are held to none of these limits.', network('Addresses of clients.')).prefault([]),
  },
);

export type LimitsConfig = Readonly<ReturnType<typeof buildLimits>>;

export function buildLimits(limits: z.output<typeof limitsSection>) {
  return {
    requestsPerMinute: limits.requestsperminute,
    bytesPerDay: limits.bytesperday,
    connections: limits.connections,
    /** In CIDR notation. */
    exceptNetworks: limits.except,
  };
}
