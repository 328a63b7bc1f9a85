// The section `prewarm`: content that is fetched before the first pull.
import { OciSyntaxError, parsePlatformName, parseRepositoryName, type RepositoryName } from '@cistern/oci';
import { createRequire } from 'node:module';
import type * as CronParser from 'cron-parser';
import type { z } from 'zod';
import { duration, flag, listOf, openSection, size, text, wholeNumber } from '../values/values.ts';
import { dockerHub } from './built-in-upstreams.ts';
import type { SectionContext } from './context.ts';
import type { UpstreamConfig } from './upstreams.ts';

/** Loads the cron parser synchronously and only on demand, because few configurations need it (decision 0044). */
const loadCronParser = (): typeof CronParser => createRequire(import.meta.url)('cron-parser');

const image = openSection('One image.', {
  image: text('The image without a tag, as clients write it: `nginx`, `quay.io/prometheus/node-exporter`.'),
  tags: listOf('Tags, and shell patterns of tags: `*`, `?`, `[0-9]`, `{a,b}`, `+(…)`.', text('A tag.')).prefault([
    'latest',
  ]),
  platforms: listOf(
    { text: 'Platforms, for example `linux/arm64`.', default: 'those that clients pull' },
    text('A platform.'),
  ).prefault([]),
  every: duration({ text: 'The time between two confirmations.', default: '`1h`, unless `cron` is set' }).optional(),
  cron: text('A schedule instead of `every`: a cron expression, in UTC, for example `"0 5 * * *"`.').optional(),
});

export const prewarmSection = openSection(
  {
    text: 'Prewarming: popular tags are confirmed before they expire, and fetched if they have moved. It never uses the reserve of `upstreams.<name>.budget`.',
    default: 'no prewarming, except on request of an operator',
  },
  {
    enabled: flag('Enables prewarming.').prefault('true'),
    top: wholeNumber('The number of most popular tags that are kept fresh and complete; 0 for none.', {
      min: 0,
      max: 10_000,
    }).prefault('100'),
    bandwidth: size({
      text: 'The maximum rate of prewarming per worker in bytes per second, for example `20MB`. Fetches for waiting clients are not limited.',
      default: 'no limit',
    }).optional(),
    images: listOf('Images that are always prewarmed.', image).prefault([]),
  },
).optional();

interface PrewarmImageConfig {
  readonly upstream: string;
  readonly repository: RepositoryName;
  readonly tags: readonly string[];
  /** Empty means the platforms that clients pull. */
  readonly platforms: readonly string[];
  readonly when: { readonly everyMs: number } | { readonly cron: string };
}

const minBytesPerSecond = 64 * 1024;
const minEveryMs = 60_000;
const defaultEveryMs = 3_600_000;

export type PrewarmConfig = Readonly<ReturnType<typeof buildPrewarm>>;

export function buildPrewarm(
  prewarm: z.output<typeof prewarmSection>,
  upstreams: readonly UpstreamConfig[],
  context: SectionContext,
) {
  const { enabled, top, bandwidth = Infinity, images } = prewarm ?? { enabled: false, top: 0, images: [] };
  if (bandwidth < minBytesPerSecond)
    context.report('prewarm.bandwidth', 'must be at least 64KiB, because a lower rate fetches too little');
  const built = images.flatMap((entry, at) => buildImage(entry, `prewarm.images.${at}`, upstreams, context) ?? []);
  return {
    /** The number of most popular tags to prewarm. 0 means none. */
    top: enabled ? top : 0,
    /** Infinity means no limit. */
    bytesPerSecond: bandwidth,
    images: enabled ? built : [],
  };
}

function buildImage(
  { image: name, tags, platforms, every, cron }: z.output<typeof image>,
  path: string,
  upstreams: readonly UpstreamConfig[],
  context: SectionContext,
): PrewarmImageConfig | undefined {
  const named = readImageName(name, `${path}.image`, upstreams, context);
  if (every !== undefined && cron !== undefined)
    context.report(`${path}.cron`, 'cannot be combined with every: remove one of them');
  if (every !== undefined && every < minEveryMs) context.report(`${path}.every`, 'must be at least 1m');
  if (cron !== undefined) checkCron(cron, `${path}.cron`, context);
  for (const platform of platforms)
    if (parsePlatformName(platform) === undefined)
      context.report(`${path}.platforms`, `must be platforms such as linux/amd64 or linux/arm/v7, not "${platform}"`);
  return (
    named && {
      ...named,
      tags,
      platforms: platforms.flatMap((platform) => parsePlatformName(platform) ?? []),
      when: cron === undefined ? { everyMs: every ?? defaultEveryMs } : { cron },
    }
  );
}

/**
 * Reads the name of an image by the rules for clients. The part before the first slash may be the name or an alias of
 * an upstream. Otherwise the image belongs to the default upstream, unless that part looks like the host of another
 * registry.
 */
function readImageName(
  name: string,
  path: string,
  upstreams: readonly UpstreamConfig[],
  context: SectionContext,
): Pick<PrewarmImageConfig, 'upstream' | 'repository'> | undefined {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash).toLowerCase();
  const prefixed = upstreams.find((upstream) => upstream.name === first || upstream.aliases.includes(first));
  const upstream = prefixed ?? (/[.:]/.test(first) ? undefined : upstreams.find(({ isDefault }) => isDefault));
  if (upstream === undefined) {
    const names = upstreams.map((one) => one.name).join(', ');
    context.report(path, `names no upstream: begin with one of ${names}, as in "${upstreams[0]?.name}/${name}"`);
    return undefined;
  }
  const rest = prefixed === undefined ? name : name.slice(slash + 1);
  try {
    const isOfficial = upstream.name === dockerHub && !rest.includes('/');
    return { upstream: upstream.name, repository: parseRepositoryName(isOfficial ? `library/${rest}` : rest) };
  } catch (error) {
    if (!(error instanceof OciSyntaxError)) throw error;
    context.report(path, /[:@]/.test(rest) ? 'must be without a tag or digest: write tags in tags' : error.message);
    return undefined;
  }
}

function checkCron(cron: string, path: string, context: SectionContext): void {
  try {
    loadCronParser().CronExpressionParser.parse(cron, { tz: 'UTC' });
  } catch (error) {
    context.report(path, `must be a cron expression such as "0 5 * * *": ${(error as Error).message}`);
  }
}
