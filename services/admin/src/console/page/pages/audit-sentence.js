// Says what an entry of the audit means, as the predicate of a sentence.
import { shortDigest } from '../format.js';

/** @import { AuditEntry } from '../api-types.d.ts' */

/** @typedef {{ readonly verbs: readonly [past: string, base: string], readonly object: string, readonly end?: string }} Predicate */
/** @typedef {{ readonly who: string, readonly verb: string, readonly object: string, readonly end?: string, readonly reason: string | null }} Sentence */

/** @type {readonly [string, string]} */
const purge = ['purged', 'purge'];

/**
 * The predicates of the actions of operators, by their request.
 * @type {Readonly<Record<string, (given: Readonly<Record<string, any>>) => Predicate>>}
 */
const actions = {
  'POST /v1/purge': ({ image, digest, upstream }) =>
    upstream === undefined
      ? { verbs: purge, object: image ?? digest }
      : { verbs: purge, object: upstream, end: 'completely' },
  'POST /v1/refresh': ({ image }) => ({ verbs: ['refreshed', 'refresh'], object: image }),
  'POST /v1/prewarm': ({ image, platforms }) => ({
    verbs: ['prewarmed', 'prewarm'],
    object: image,
    ...(Array.isArray(platforms) && platforms.length > 0 && { end: `for ${platforms.join(', ')}` }),
  }),
  'POST /v1/pins': ({ image, pinned }) => ({
    verbs: pinned === false ? ['unpinned', 'unpin'] : ['pinned', 'pin'],
    object: image,
  }),
  'POST /v1/offline': ({ upstream = 'all upstreams', offline }) =>
    offline === null || offline === undefined
      ? { verbs: ['returned', 'return'], object: upstream, end: 'to the configured state' }
      : { verbs: ['took', 'take'], object: upstream, end: offline === true ? 'offline' : 'online' },
  'POST /v1/reload': () => ({ verbs: ['reloaded', 'reload'], object: 'the configuration of all nodes' }),
  'POST /v1/eviction/plan': () => ({ verbs: ['listed', 'list'], object: 'the next content to evict' }),
};

/** @type {Readonly<Record<AuditEntry['event'], string>>} */
const refusals = {
  asked: 'sent',
  denied: 'was denied',
  refused: 'failed to log in at',
  limited: 'was rate-limited at',
};

/**
 * Returns the parts of `anna purged docker.io/library/alpine:3.20`. `object` is not empty.
 * @param {AuditEntry} entry
 * @returns {Sentence}
 */
export function sentenceOf({ event, user, what, about, status }) {
  const who = user ?? (event === 'asked' ? 'An operator' : 'Someone');
  const action = event === 'asked' ? actions[what] : undefined;
  if (action === undefined) {
    const reason = event === 'asked' || about?.startsWith('{') === true ? null : about;
    return { who, verb: refusals[event], object: objectOf(what), reason };
  }
  const { verbs, object, end } = action(parseDetails(about));
  const [past, base] = verbs;
  const hasFailed = status !== null && status >= 400;
  const verb = hasFailed ? `failed to ${base}` : past;
  // A rejected request may have no object, or one that is no text.
  const shown = typeof object === 'string' && object !== '' ? withShortDigests(object) : objectOf(what);
  return { who, verb, object: shown, reason: null, ...(end !== undefined && { end }) };
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
