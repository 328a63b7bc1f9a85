// How long what upstreams say may be believed: by pattern of the tag, and of lists.
import type { z } from 'zod';
import { choice, duration, durationOrForever, listOf, openSection, section, text } from '../values/values.ts';
import type { SectionContext } from './context.ts';

const staleIfError = (what: string) =>
  durationOrForever(`For how long after its time ${what} while the upstream fails, throttles or is offline.`);

const rule = openSection('A class of tags.', {
  tags: listOf('Patterns of tags, as a shell has them: `*`, `?`, `[0-9]`, `{a,b}`, `+(…)`.', text('A pattern.')),
  ttl: duration('How long a tag is served without asking the upstream whether it has moved. `0s`: ask on every pull.'),
  stalewhilerevalidate: duration(
    'For how long after that a tag is served at once, as stale, while a worker asks behind the answer.',
  ).prefault('0s'),
  staleiferror: staleIfError('a tag is served').prefault('forever'),
  onnotfound: choice(
    'Whether a tag that the upstream no longer has, or no longer gives to us, is served on (`keep`) or gone here too (`forget`).',
    ['keep', 'forget'],
  ).prefault('keep'),
});

/** Of an upstream's entry. */
export const freshnessKeys = {
  freshness: listOf(
    {
      text: 'Classes of tags, and how long each may be believed: the first one that matches a tag holds. What none matches has `ttl`.',
      default: '[by kind of tag](#freshness-of-tags), unless `ttl` is given',
    },
    rule,
  ).optional(),
  ttl: duration({
    text: 'Shorthand of a last class with all other tags: how long each is served without asking the upstream whether it has moved. `0s`: ask on every pull.',
    default: '`60s`, and as long again while a worker asks',
  }).optional(),
  lists: section('Lists of tags and of referrers.', {
    ttl: duration('How long a list is served without asking the upstream again.').prefault('30s'),
    staleiferror: staleIfError('a list is served').prefault('forever'),
  }),
};

interface FreshnessRule {
  /** Globs; one has to match. */
  readonly tags: readonly string[];
  readonly ttlMs: number;
  /** The two from the end of `ttlMs` on; `staleIfErrorMs` may be Infinity. */
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  readonly onNotFound: 'keep' | 'forget';
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const whatever = { staleIfErrorMs: Infinity, onNotFound: 'keep' } as const;

/** Not supposed to move, but it does now and then: images are built again on a newer base. */
const versions: FreshnessRule = {
  tags: ['?(v)+([0-9]).+([0-9]).+([0-9])', '?(v)+([0-9]).+([0-9]).+([0-9])[-._]*'],
  ttlMs: dayMs,
  staleWhileRevalidateMs: dayMs,
  ...whatever,
};
/** There to move. One that is pulled often never waits for upstream. */
const everythingElse: FreshnessRule = { tags: ['*'], ttlMs: minuteMs, staleWhileRevalidateMs: minuteMs, ...whatever };

/** What holds where nothing is configured. */
export const defaultFreshness: readonly FreshnessRule[] = [versions, everythingElse];

type FreshnessEntry = z.output<z.ZodObject<typeof freshnessKeys>>;

/** `path`: of the upstream's entry. */
export function buildFreshness({ freshness, ttl, lists }: FreshnessEntry, path: string, context: SectionContext) {
  for (const [at, { tags }] of (freshness ?? []).entries())
    if (tags.length === 0 || tags.includes(''))
      context.report(`${path}.freshness[${at}].tags`, 'is empty: name a pattern, for example "*"');
  const rules = (freshness ?? []).map(
    ({ tags, ttl: ttlMs, stalewhilerevalidate, staleiferror, onnotfound }): FreshnessRule => ({
      tags,
      ttlMs,
      staleWhileRevalidateMs: stalewhilerevalidate,
      staleIfErrorMs: staleiferror,
      onNotFound: onnotfound,
    }),
  );
  const last = ttl === undefined ? everythingElse : { ...everythingElse, ttlMs: ttl, staleWhileRevalidateMs: 0 };
  const first = freshness === undefined && ttl === undefined ? [versions] : rules;
  return {
    /** Of tags: the first rule with a matching pattern holds. The last one matches every tag. */
    freshness: [...first, last],
    /** `staleIfErrorMs`: from the end of `ttlMs` on; may be Infinity. */
    lists: { ttlMs: lists.ttl, staleIfErrorMs: lists.staleiferror },
  };
}
