// `cistern purge` removes content from the cache on all nodes. `cistern refresh` confirms tags with their upstream, for
// all nodes.
import type { PurgeAnswer, PurgePlanLine, RefreshAnswer } from '@cistern/admin';
import type { Command } from 'commander';
import { type AdminClient, createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand, type ReportOptions } from '../admin/admin-command.ts';
import { CommandError } from '../terminal/command-error.ts';
import { formatBytes } from '../terminal/format.ts';
import { printEach } from '../terminal/print-answer.ts';
import { confirm } from '../terminal/prompt.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface PurgeOptions extends ReportOptions {
  readonly digest?: string;
  readonly upstream?: string;
  readonly dryRun?: true;
  readonly yes?: true;
}

type Body = { readonly image: string } | { readonly digest: string } | { readonly upstream: string };
type PurgeTotal = NonNullable<PurgePlanLine['result']>;

const exitCodes = `
Exit codes: 0 success; 1 something was not removed, with the reason on standard error.`;

export function addPurge(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'purge')
    .argument('[image...]', 'images, for example nginx:1.27 or quay.io/org/app@sha256:…')
    .option('--digest <digest>', 'manifest or blob to remove from all repositories, with the tags that name it')
    .option('--upstream <name>', 'remove everything of this upstream, after a confirmation')
    .option('--dry-run', 'list what would be removed, and remove nothing')
    .option('--yes', 'do not ask for a confirmation; required for --upstream without a terminal')
    .description(
      'Remove images from the cache on all nodes, with all content that no other image uses. The next pull fetches them again. Pinned images are kept',
    )
    .addHelpText('after', exitCodes)
    .action((images: string[], options: PurgeOptions) => purge(images, options, terminal));
  addAdminCommand(program, 'refresh')
    .argument('<image...>', 'images by tag, for example nginx:latest')
    .description('Confirm tags with their upstream now, for all nodes')
    .action((images: string[], options: ReportOptions) => refresh(images, options, terminal));
}

async function purge(images: readonly string[], options: PurgeOptions, terminal: Terminal): Promise<void> {
  const { digest, upstream, dryRun, yes } = options;
  const targets = new Map<string, Body>([
    ...images.map((image) => [image, { image }] as const),
    ...(digest === undefined ? [] : [[digest, { digest }] as const]),
    ...(upstream === undefined ? [] : [[upstream, { upstream }] as const]),
  ]);
  if (targets.size === 0)
    throw new CommandError('There is nothing to purge. Name an image, or pass --digest or --upstream.');
  const cache = createAdminClient(options, terminal);
  const bodyOf = (name: string) => targets.get(name) ?? { image: name };
  if (dryRun === true) {
    await printEach(terminal, options, [...targets.keys()], {
      act: (name) => readPlan(cache, bodyOf(name)),
      describe: ({ tags, total }, name) => `${tags.map((tag) => `${tag}\n`).join('')}${describePlan(name, total)}\n`,
    });
    return;
  }
  if (upstream !== undefined)
    await confirm(terminal, {
      yes,
      async describe() {
        const { total } = await readPlan(cache, { upstream });
        return `This removes everything of ${upstream}: ${countTotal(total)}. ${cache.name} serves it.`;
      },
    });
  await printEach(terminal, options, [...targets.keys()], {
    act: (name) => cache.fetch<PurgeAnswer>('/v1/purge', bodyOf(name)),
    describe: (answer, name) => `${describePurged(name, answer)}\n`,
  });
}

async function readPlan(cache: AdminClient, body: Body) {
  const tags: string[] = [];
  for await (const { tag, result, error } of cache.lines<PurgePlanLine>('/v1/purge/plan', body)) {
    if (error !== undefined) throw new CommandError(error.message);
    if (tag !== undefined) tags.push(tag);
    if (result !== undefined) return { tags, total: result };
  }
  throw new CommandError(`${cache.name} closed the connection before the list was complete. Try again.`);
}

function describePlan(name: string, total: PurgeTotal): string {
  const { tags, manifests, blobs } = total;
  return tags + manifests + blobs === 0 ? `${name}: nothing is cached.` : `${name}: would remove ${countTotal(total)}.`;
}

function countTotal({ tags, manifests, blobs, bytes }: PurgeTotal): string {
  return `${counted(tags, 'tag')}, ${counted(manifests, 'manifest')} and ${counted(blobs, 'blob')}, ${formatBytes(bytes)}`;
}

function describePurged(name: string, { purged: { tags, manifests, blobs } }: PurgeAnswer): string {
  if (tags + manifests + blobs === 0) return `${name}: nothing was cached.`;
  return `${name}: removed ${counted(tags, 'tag')}, ${counted(manifests, 'manifest')} and ${counted(blobs, 'blob')}.`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

async function refresh(images: readonly string[], options: ReportOptions, terminal: Terminal): Promise<void> {
  const cache = createAdminClient(options, terminal);
  await printEach(terminal, options, images, {
    act: (image) => cache.fetch<RefreshAnswer>('/v1/refresh', { image }),
    describe: (answer) => `${describeRefreshed(answer)}\n`,
  });
}

function describeRefreshed({ image, before, after }: RefreshAnswer): string {
  if (before === after) return `${image} still names ${after ?? 'nothing'}.`;
  return before === null ? `${image} names ${after}.` : `${image} named ${before} and names ${after ?? 'nothing'} now.`;
}
