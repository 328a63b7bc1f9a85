// Says what an entry of the audit means, as the predicate of a sentence.
import { shortDigest } from '../format.js';

/** @import { AuditEntry } from '../api-types.d.ts' */

/** @typedef {{ readonly verb: string, readonly object: string, readonly end?: string }} Predicate */

/**
 * The predicates of the actions of operators, by their request.
 * @type {Readonly<Record<string, (given: Readonly<Record<string, any>>) => Predicate>>}
 */
const actions = {
  'POST /v1/purge': ({ image, digest, upstream }) =>
    upstream === undefined
      ? { verb: 'purged', object: image ?? digest }
      : { verb: 'purged', object: upstream, end: 'completely' },
  'POST /v1/refresh': ({ image }) => ({ verb: 'refreshed', object: image }),
  'POST /v1/prewarm': ({ image, platforms }) => ({
    verb: 'prewarmed',
    object: image,
    ...(Array.isArray(platforms) && platforms.length > 0 && { end: `for ${platforms.join(', ')}` }),
  }),
  'POST /v1/pins': ({ image, pinned }) => ({ verb: pinned === false ? 'unpinned' : 'pinned', object: image }),
  'POST /v1/offline': ({ upstream = 'all upstreams', offline }) =>
    offline === null || offline === undefined
      ? { verb: 'returned', object: upstream, end: 'to the configured state' }
      : { verb: 'took', object: upstream, end: offline === true ? 'offline' : 'online' },
  'POST /v1/reload': () => ({ verb: 'reloaded', object: 'the configuration of all nodes' }),
  'POST /v1/eviction/plan': () => ({ verb: 'listed', object: 'what an eviction would remove' }),
};

/** @type {Readonly<Record<AuditEntry['event'], string>>} */
const refusals = {
  asked: 'sent',
  denied: 'was denied',
  refused: 'could not log in for',
  limited: 'was limited at',
};

/**
 * Returns the parts of `anna purged docker.io/library/alpine:3.20`. `object` is not empty.
 * @param {AuditEntry} entry
 * @returns {Predicate & { readonly who: string, readonly reason: string | null }}
 */
export function sentenceOf({ event, user, what, about, status }) {
  const who = user ?? (event === 'asked' ? 'An operator' : 'Someone');
  const action = event === 'asked' ? actions[what] : undefined;
  if (action === undefined) {
    const reason = event === 'asked' || about?.startsWith('{') === true ? null : about;
    return { who, verb: refusals[event], object: objectOf(what), reason };
  }
  const { verb, object, end } = action(parseDetails(about));
  const hasFailed = status !== null && status >= 400;
  const told = { who, object: withShortDigests(String(object ?? 'something')), ...(end !== undefined && { end }) };
  return { ...told, verb: hasFailed ? `tried, and failed: ${verb}` : verb, reason: null };
}

/**
 * Returns the image that a request of a client names, or the request itself.
 * @param {string} what
 */
function objectOf(what) {
  const [, name, reference] = /^(?:GET|HEAD) \/v2\/(.+)\/manifests\/(.+)$/.exec(what) ?? [];
  if (name === undefined || reference === undefined) return withShortDigests(what);
  return withShortDigests(`${name}${reference.includes(':') ? '@' : ':'}${reference}`);
}

/**
 * The details may be cut, because entries are small.
 * @param {string | null} about
 * @returns {Readonly<Record<string, any>>}
 */
function parseDetails(about) {
  try {
    return JSON.parse(about ?? '{}') ?? {};
  } catch {
    return {};
  }
}

/** @param {string} text */
function withShortDigests(text) {
  return text.replaceAll(/\b[a-z\d]+:[\da-f]{64,}/g, shortDigest);
}
