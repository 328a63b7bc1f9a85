// The egress policy for names: a look-up that finds no other addresses than public ones.
import type { LookupFunction } from 'node:net';
import { CacheError } from '@cistern/errors';
import { nameUpstream, type UpstreamIdentity } from '../upstream-identity.ts';
import { isPublicAddress } from './egress-policy.ts';

/** Answers with public addresses only, so that connections go to the judged addresses, whatever DNS says next. */
export function publicOnly(lookup: LookupFunction, upstream: UpstreamIdentity): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null || typeof addresses === 'string') return callback(error, addresses);
      const [first, ...others] = addresses.filter(({ address }) => isPublicAddress(address));
      if (first === undefined) return callback(forbiddenAddress(upstream, hostname), []);
      return options.all === true ? callback(null, [first, ...others]) : callback(null, first.address, first.family);
    });
  };
}

// The address itself stays out of the message: clients see it.
export function forbiddenAddress(upstream: UpstreamIdentity, host: string): CacheError {
  return new CacheError(
    'upstream-refused-us',
    `${nameUpstream(upstream)} points to "${host}", which has no public address; set allowprivate for this upstream to permit that.`,
    { detail: { upstream: upstream.name, host } },
  );
}
