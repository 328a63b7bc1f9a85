// The settings for freshness of an upstream: how long tags and lists are served without confirmation by the upstream.
import type { z } from 'zod';
import { choice, duration, durationOrForever, listOf, openSection, section, text } from '../values/values.ts';
import type { SectionContext } from './context.ts';

const staleIfError = (subject: string) =>
  durationOrForever(
    `How long after \`ttl\` ${subject} is served stale while the upstream fails, throttles or is offline.`,
  );

const rule = openSection('A class of tags.', {
  tags: listOf('Shell patterns of tags: `*`, `?`, `[0-9]`, `{a,b}`, `+(…)`.', text('A pattern.')),
  ttl: duration('How long a tag is served without confirmation by the upstream. With `0s` every pull confirms it.'),
  stalewhilerevalidate: duration(
    'How long after `ttl` a tag is served immediately, as stale, while a worker confirms it in the background.',
  ).prefault('0s'),
  staleiferror: staleIfError('a tag').prefault('forever'),
  onnotfound: choice(
    'A tag that the upstream no longer has, or no longer lets us read, is still served (`keep`) or also removed here (`forget`).',
    ['keep', 'forget'],
  ).prefault('keep'),
});

/** The keys for freshness in an upstream's entry. */
export const freshnessKeys = {
  freshness: listOf(
    {
      text: 'Classes of tags and their freshness. The first class that matches a tag applies. Other tags have `ttl`.',
      default: '[by kind of tag](#freshness-of-tags), unless `ttl` is set',
    },
    rule,
  ).optional(),
  ttl: duration({
    text: 'Shorthand for a last class of all other tags: how long a tag is served without confirmation by the upstream. With `0s` every pull confirms it.',
    default: '`60s`, then stale for another `60s` while a worker confirms it',
  }).optional(),
  lists: section('Lists of tags and of referrers.', {
    ttl: duration('How long a list is served without confirmation by the upstream.').prefault('30s'),
    staleiferror: staleIfError('a list').prefault('forever'),
  }),
};

interface FreshnessRule {
  /** Shell patterns. The rule applies to a tag that matches one of them. */
  readonly tags: readonly string[];
  readonly ttlMs: number;
  /** This time and `staleIfErrorMs` begin at the end of `ttlMs`. `staleIfErrorMs` may be Infinity. */
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  readonly onNotFound: 'keep' | 'forget';
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const keepForever = { staleIfErrorMs: Infinity, onNotFound: 'keep' } as const;

/**
 * Tags that are full versions, such as `1.27.3`. They rarely move, but images are sometimes rebuilt on a newer base.
 */
const versions: FreshnessRule = {
  tags: ['?(v)+([0-9]).+([0-9]).+([0-9])', '?(v)+([0-9]).+([0-9]).+([0-9])[-._]*'],
  ttlMs: dayMs,
  staleWhileRevalidateMs: dayMs,
  ...keepForever,
};
/**
 * All other tags, which move often. Pulls of a popular tag do not wait for the upstream, because the tag is served
 * stale while a worker confirms it in the background.
 */
const everythingElse: FreshnessRule = {
  tags: ['*'],
  ttlMs: minuteMs,
  staleWhileRevalidateMs: minuteMs,
  ...keepForever,
};

/** The default rules. */
export const defaultFreshness: readonly FreshnessRule[] = [versions, everythingElse];

type FreshnessEntry = z.output<z.ZodObject<typeof freshnessKeys>>;

/** `path` is that of the upstream's entry. */
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
    /** The rules for tags. The first rule that matches a tag applies. The last rule matches every tag. */
    freshness: [...first, last],
    /** `staleIfErrorMs` begins at the end of `ttlMs` and may be Infinity. */
    lists: { ttlMs: lists.ttl, staleIfErrorMs: lists.staleiferror },
  };
}
