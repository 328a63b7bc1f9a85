// `cistern images`, `inspect` and `top` list cached images, show one image, and rank images by recent pulls.
import type { CachedImage, ImageDetails, ImagePage, TopImages } from '@cistern/admin';
import { type Command, InvalidArgumentError } from 'commander';
import { createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand, type ReportOptions } from '../admin/admin-command.ts';
import { formatBytes, formatTable, formatTime } from '../terminal/format.ts';
import { printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface LimitedOptions extends ReportOptions {
  readonly limit: number;
}

interface SearchOptions extends LimitedOptions {
  readonly upstream?: string;
}

/** The maximum number of entries on one page of the API. */
const pageSize = 1000;

export function addImages(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'images')
    .argument('[search]', 'part of the name, for example nginx or library/nginx:1.')
    .option('--upstream <name>', 'only images of this upstream')
    .option('--limit <count>', 'maximum number of images', parseLimit, 100)
    .description('List cached tags and their freshness')
    .action((search: string | undefined, options: SearchOptions) => list(search, options, terminal));
  addAdminCommand(program, 'inspect')
    .argument('<image>', 'image, for example nginx:1.27 or quay.io/org/app@sha256:…')
    .description('Show the platforms and layers of an image, how much of it is cached, and its freshness')
    .action((image: string, options: ReportOptions) => inspect(image, options, terminal));
  addAdminCommand(program, 'top')
    .option('--limit <count>', 'maximum number of images', parseLimit, 20)
    .description('List the most pulled images')
    .action((options: LimitedOptions) => top(options, terminal));
}

async function list(search: string | undefined, options: SearchOptions, terminal: Terminal): Promise<void> {
  const { upstream, limit } = options;
  const cache = createAdminClient(options, terminal);
  const images: CachedImage[] = [];
  let cursor: string | null = '';
  do {
    const query = new URLSearchParams({ limit: String(Math.min(limit - images.length, pageSize)) });
    if (search !== undefined) query.set('search', search);
    if (upstream !== undefined) query.set('upstream', upstream);
    if (cursor !== '') query.set('cursor', cursor);
    const page: ImagePage = await cache.fetch(`/v1/images?${query.toString()}`);
    images.push(...page.images);
    ({ cursor } = page);
  } while (cursor !== null && images.length < limit);
  printAnswer(terminal, options, { images, cursor }, describeImages);
  if (options.json !== true && cursor !== null)
    terminal.stderr.write(`There may be more than these ${images.length} images. To list them, raise --limit.\n`);
}

function describeImages({ images }: Pick<ImagePage, 'images'>): string {
  const rows = images.map(({ name, digest, state, confirmedAt, lastPulledAt, pinned }) => [
    name,
    shortDigest(digest),
    state,
    timeOrNever(confirmedAt),
    timeOrNever(lastPulledAt),
    pinned ? 'pinned' : '',
  ]);
  return formatTable(['IMAGE', 'DIGEST', 'STATE', 'CONFIRMED', 'PULLED', ''], rows);
}

async function inspect(image: string, options: ReportOptions, terminal: Terminal): Promise<void> {
  const query = new URLSearchParams({ image });
  const path = `/v1/images/details?${query.toString()}`;
  printAnswer(terminal, options, await createAdminClient(options, terminal).fetch<ImageDetails>(path), describeDetails);
}

function describeDetails({
  image,
  digest,
  mediaType,
  tags,
  platforms,
  lastPulledAt,
  freshness,
  state,
  pinned,
}: ImageDetails): string {
  const facts = [
    image + (pinned ? '  (pinned)' : ''),
    `digest     ${digest}`,
    ...(mediaType === '' ? [] : [`type       ${mediaType}`]),
    `tags       ${tags.join(', ') || 'none'}`,
    `pulled     ${timeOrNever(lastPulledAt)}`,
  ];
  if (freshness !== null) {
    const { confirmedAt, lastFailure } = freshness;
    const failed = lastFailure === null ? '' : `; later confirmations failed: ${lastFailure}`;
    facts.push(`confirmed  ${timeOrNever(confirmedAt)} (${state})${failed}`);
  }
  const rows = platforms.map(({ platform, digest: own, bytes, cachedBytes, layers }) => [
    platform ?? 'unknown',
    shortDigest(own),
    `${formatBytes(cachedBytes)} of ${formatBytes(bytes)}`,
    layers.length === 0 ? '' : `${layers.filter(({ cached }) => cached).length} of ${layers.length}`,
  ]);
  const table = formatTable(['PLATFORM', 'DIGEST', 'CACHED', 'LAYERS'], rows);
  return `${facts.join('\n')}\n${table === '' ? 'Its manifest is not cached.\n' : `\n${table}`}`;
}

async function top(options: LimitedOptions, terminal: Terminal): Promise<void> {
  const path = `/v1/top?limit=${Math.min(options.limit, pageSize)}`;
  printAnswer(terminal, options, await createAdminClient(options, terminal).fetch<TopImages>(path), describeTop);
}

function describeTop({ images }: TopImages): string {
  const rows = images.map(({ name, score, platforms }) => [
    name,
    score.toFixed(1),
    platforms.map(({ platform }) => platform).join(', '),
  ]);
  return formatTable(['IMAGE', 'RECENT PULLS', 'PLATFORMS'], rows);
}

function parseLimit(value: string): number {
  if (!/^[1-9]\d{0,6}$/.test(value)) throw new InvalidArgumentError('It must be a number of at least 1.');
  return Number(value);
}

function shortDigest(digest: string): string {
  return digest.slice(0, digest.indexOf(':') + 13);
}

function timeOrNever(ms: number | null): string {
  return ms === null ? 'never' : formatTime(ms);
}
