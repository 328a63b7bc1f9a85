// Where tokens may be asked for. A registry names the realm itself; without a rule it could have our credentials sent
// anywhere (decision 0006).
import { CacheError } from '@cistern/errors';
import { nameUpstream, type UpstreamIdentity } from '../upstream-identity.ts';

/**
 * The same host, or the same registrable domain (auth.docker.io for registry-1.docker.io); https stays https. Anything
 * else rejects with `upstream-refused-us`: we cannot prove who we are there, until an operator does something about it.
 */
export async function checkRealm(upstream: UpstreamIdentity, realm: string): Promise<URL> {
  const refuse = (why: string): CacheError =>
    new CacheError(
      'upstream-refused-us',
      `${nameUpstream(upstream)} asks for tokens at a place that is not trusted: ${why}.`,
      {
        detail: { upstream: upstream.name },
      },
    );
  if (!URL.canParse(realm)) throw refuse('its realm is not a URL');
  const url = new URL(realm);
  const from = upstream.url;
  if (url.protocol !== 'https:' && (url.protocol !== 'http:' || from.protocol === 'https:'))
    throw refuse(`${url.protocol}//${url.host} in place of https`);
  if (url.hostname !== from.hostname && !(await areOfOneDomain(url.hostname, from.hostname)))
    throw refuse(`"${url.host}" belongs neither to its host nor to its domain`);
  url.hash = '';
  url.username = '';
  url.password = '';
  return url;
}

// Domains under which anybody can get a name (s3.amazonaws.com, github.io) count as suffixes, not as one owner's.
async function areOfOneDomain(one: string, other: string): Promise<boolean> {
  // The list of all suffixes takes 3 MB, which those who ask registries without realms elsewhere can do without.
  const { getDomain } = await import('tldts');
  const options = { allowPrivateDomains: true };
  const domain = getDomain(one, options);
  return domain !== null && domain === getDomain(other, options);
}
