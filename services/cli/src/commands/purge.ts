// `cistern purge` removes content from the cache on all nodes. `cistern refresh` confirms tags with their upstream, for
// all nodes.
import type { PurgeAnswer, RefreshAnswer } from '@cistern/admin';
import type { Command } from 'commander';
import { createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand, printAnswer, type ReportOptions } from '../admin/admin-command.ts';
import { CommandError } from '../terminal/command-error.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface PurgeOptions extends ReportOptions {
  readonly digest?: string;
  readonly upstream?: string;
}

const json: [string, string] = ['--json', "print the admin API's JSON, one line per image"];

export function addPurge(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'purge')
    .argument('[image...]', 'images, for example nginx:1.27 or quay.io/org/app@sha256:…')
    .option('--digest <digest>', 'manifest or blob to remove from all repositories, with the tags that name it')
    .option('--upstream <name>', 'remove everything of this upstream')
    .option(...json)
    .description(
      'Remove images from the cache on all nodes, with all content that no other image uses. The next pull fetches them again. Pinned images are kept',
    )
    .action((images: string[], options: PurgeOptions) => purge(images, options, terminal));
  addAdminCommand(program, 'refresh')
    .argument('<image...>', 'images by tag, for example nginx:latest')
    .option(...json)
    .description('Confirm tags with their upstream now, for all nodes')
    .action((images: string[], options: ReportOptions) => refresh(images, options, terminal));
}

async function purge(images: readonly string[], options: PurgeOptions, terminal: Terminal): Promise<void> {
  const { digest, upstream } = options;
  const targets = [
    ...images.map((image) => ({ name: image, body: { image } })),
    ...(digest === undefined ? [] : [{ name: digest, body: { digest } }]),
    ...(upstream === undefined ? [] : [{ name: upstream, body: { upstream } }]),
  ];
  if (targets.length === 0)
    throw new CommandError('There is nothing to purge. Name an image, or pass --digest or --upstream.');
  const cache = createAdminClient(options, terminal);
  for (const { name, body } of targets) {
    const answer = await cache.fetch<PurgeAnswer>('/v1/purge', body);
    printAnswer(terminal, options, answer, (purged) => `${describePurged(name, purged)}\n`);
  }
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
  for (const image of images) {
    const answer = await cache.fetch<RefreshAnswer>('/v1/refresh', { image });
    printAnswer(terminal, options, answer, (refreshed) => `${describeRefreshed(refreshed)}\n`);
  }
}

function describeRefreshed({ image, before, after }: RefreshAnswer): string {
  if (before === after) return `${image} still names ${after ?? 'nothing'}.`;
  return before === null ? `${image} names ${after}.` : `${image} named ${before} and names ${after ?? 'nothing'} now.`;
}
