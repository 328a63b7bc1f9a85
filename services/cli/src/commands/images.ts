// `cistern images`, `inspect` and `top`: what the cache holds, what it is made of, and what is pulled most.
import type { CachedImage, ImageDetails, ImagePage, TopImages } from '@cistern/admin';
import { type Command, InvalidArgumentError } from 'commander';
import { type AdminOptions, addAdminOptions, openAdmin } from '../admin/admin-options.ts';
import { fail } from '../terminal/fail.ts';
import { formatBytes } from '../terminal/format-bytes.ts';
import { formatTable } from '../terminal/format-table.ts';
import { formatTime } from '../terminal/format-time.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface LimitedOptions extends AdminOptions {
  readonly limit: number;
}

interface SearchOptions extends LimitedOptions {
  readonly upstream?: string;
}

const json: [string, string] = ['--json', 'as the admin API says it'];
/** What one page of the API may hold. */
const pageSize = 1000;

export function addImages(program: Command, terminal: Terminal): void {
  const orFail = (done: Promise<void>) => done.catch((error: unknown) => fail(terminal, error));
  addAdminOptions(program.command('images'))
    .argument('[search]', 'part of the name, for example nginx or library/nginx:1.')
    .option('--upstream <name>', 'only what is from this upstream')
    .option('--limit <count>', 'tell at most so many', parseLimit, 100)
    .option(...json)
    .description('Tell which tags are cached, and how fresh they are')
    .action((search: string | undefined, options: SearchOptions) => orFail(list(search, options, terminal)));
  addAdminOptions(program.command('inspect'))
    .argument('<image>', 'for example nginx:1.27 or quay.io/org/app@sha256:…')
    .option(...json)
    .description('Tell what an image is made of, how much of it is here, and how fresh it is')
    .action((image: string, options: AdminOptions) => orFail(inspect(image, options, terminal)));
  addAdminOptions(program.command('top'))
    .option('--limit <count>', 'tell at most so many', parseLimit, 20)
    .option(...json)
    .description('Tell which images are pulled most, of late')
    .action((options: LimitedOptions) => orFail(top(options, terminal)));
}

async function list(search: string | undefined, options: SearchOptions, terminal: Terminal): Promise<void> {
  const { upstream, limit } = options;
  const ask = openAdmin(options, terminal);
  const images: CachedImage[] = [];
  let cursor: string | null = '';
  do {
    const query = new URLSearchParams({ limit: String(Math.min(limit - images.length, pageSize)) });
    if (search !== undefined) query.set('search', search);
    if (upstream !== undefined) query.set('upstream', upstream);
    if (cursor !== '') query.set('cursor', cursor);
    const page: ImagePage = await ask(`/v1/images?${query.toString()}`);
    images.push(...page.images);
    ({ cursor } = page);
  } while (cursor !== null && images.length < limit);
  if (options.json === true) return print(terminal, { images, cursor });
  const rows = images.map(({ name, digest, fresh, confirmedAt, lastPulledAt, pinned }) => [
    name,
    shortDigest(digest),
    fresh,
    timeOrNever(confirmedAt),
    timeOrNever(lastPulledAt),
    pinned ? 'pinned' : '',
  ]);
  terminal.stdout.write(formatTable(['IMAGE', 'DIGEST', 'STATE', 'CONFIRMED', 'PULLED', ''], rows));
  if (cursor !== null) terminal.stderr.write(`There may be more than these ${images.length}: see --limit.\n`);
}

async function inspect(image: string, options: AdminOptions, terminal: Terminal): Promise<void> {
  const query = new URLSearchParams({ image });
  const details = await openAdmin(options, terminal)<ImageDetails>(`/v1/images/details?${query.toString()}`);
  if (options.json === true) return print(terminal, details);
  terminal.stdout.write(`${describe(details)}\n`);
}

function describe({
  image,
  digest,
  mediaType,
  tags,
  platforms,
  lastPulledAt,
  freshness,
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
    const { fresh, confirmedAt, lastFailure } = freshness;
    const failed = lastFailure === null ? '' : `; since then upstream failed: ${lastFailure}`;
    facts.push(`confirmed  ${timeOrNever(confirmedAt)} (${fresh})${failed}`);
  }
  const rows = platforms.map(({ platform, digest: own, bytes, cachedBytes, layers }) => [
    platform ?? 'unknown',
    shortDigest(own),
    `${formatBytes(cachedBytes)} of ${formatBytes(bytes)}`,
    layers.length === 0 ? '' : `${layers.filter(({ cached }) => cached).length} of ${layers.length}`,
  ]);
  const table = formatTable(['PLATFORM', 'DIGEST', 'HERE', 'LAYERS'], rows);
  return [...facts, ...(table === '' ? ['Its manifest is not here.'] : ['', table.trimEnd()])].join('\n');
}

async function top(options: LimitedOptions, terminal: Terminal): Promise<void> {
  const path = `/v1/top?limit=${Math.min(options.limit, pageSize)}`;
  const answer = await openAdmin(options, terminal)<TopImages>(path);
  if (options.json === true) return print(terminal, answer);
  const rows = answer.images.map(({ name, score, platforms }) => [
    name,
    score.toFixed(1),
    platforms.map(({ platform }) => platform).join(', '),
  ]);
  terminal.stdout.write(formatTable(['IMAGE', 'PULLS OF LATE', 'PLATFORMS'], rows));
}

function print({ stdout }: Terminal, value: object): void {
  stdout.write(`${JSON.stringify(value)}\n`);
}

function parseLimit(value: string): number {
  if (!/^[1-9]\d{0,6}$/.test(value)) throw new InvalidArgumentError('It must be a number from 1 on.');
  return Number(value);
}

function shortDigest(digest: string): string {
  return digest.slice(0, digest.indexOf(':') + 13);
}

function timeOrNever(ms: number | null): string {
  return ms === null ? 'never' : formatTime(ms);
}
