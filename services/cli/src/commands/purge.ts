// `cistern purge` and `refresh`: what is cached goes, or is asked for anew, on all nodes at once.
import type { PurgeAnswer, RefreshAnswer } from '@cistern/admin';
import type { Command } from 'commander';
import { type AdminOptions, addAdminOptions, openAdmin } from '../admin/admin-options.ts';
import { CommandError } from '../terminal/command-error.ts';
import { fail } from '../terminal/fail.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface PurgeOptions extends AdminOptions {
  readonly digest?: string;
  readonly upstream?: string;
}

const json: [string, string] = ['--json', 'as the admin API says it, a line for each'];

export function addPurge(program: Command, terminal: Terminal): void {
  const orFail = (done: Promise<void>) => done.catch((error: unknown) => fail(terminal, error));
  addAdminOptions(program.command('purge'))
    .argument('[image...]', 'for example nginx:1.27 or quay.io/org/app@sha256:…')
    .option('--digest <digest>', 'a manifest or a blob, wherever it is held, with the tags that name it')
    .option('--upstream <name>', 'all that is from this upstream')
    .option(...json)
    .description(
      'Remove images from the cache, on all nodes at once, with all that no other image refers to. The next pull fetches them anew; what is pinned stays',
    )
    .action((images: string[], options: PurgeOptions) => orFail(purge(images, options, terminal)));
  addAdminOptions(program.command('refresh'))
    .argument('<image...>', 'by tag, for example nginx:latest')
    .option(...json)
    .description('Ask upstream now what a tag names, and have all nodes know it')
    .action((images: string[], options: AdminOptions) => orFail(refresh(images, options, terminal)));
}

async function purge(images: readonly string[], options: PurgeOptions, terminal: Terminal): Promise<void> {
  const { digest, upstream } = options;
  const wishes = [
    ...images.map((image) => ({ name: image, wish: { image } })),
    ...(digest === undefined ? [] : [{ name: digest, wish: { digest } }]),
    ...(upstream === undefined ? [] : [{ name: upstream, wish: { upstream } }]),
  ];
  if (wishes.length === 0) throw new CommandError('Name an image, or say --digest or --upstream.');
  const ask = openAdmin(options, terminal);
  for (const { name, wish } of wishes) {
    const answer = await ask<PurgeAnswer>('/v1/purge', wish);
    terminal.stdout.write(`${options.json === true ? JSON.stringify(answer) : describe(name, answer)}\n`);
  }
}

function describe(name: string, { purged: { tags, manifests, blobs } }: PurgeAnswer): string {
  if (tags + manifests + blobs === 0) return `${name}: nothing of it was here.`;
  return `${name}: ${counted(tags, 'tag')}, ${counted(manifests, 'manifest')} and ${counted(blobs, 'blob')} are gone.`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

async function refresh(images: readonly string[], options: AdminOptions, terminal: Terminal): Promise<void> {
  const ask = openAdmin(options, terminal);
  for (const image of images) {
    const answer = await ask<RefreshAnswer>('/v1/refresh', { image });
    terminal.stdout.write(`${options.json === true ? JSON.stringify(answer) : describeRefreshed(answer)}\n`);
  }
}

function describeRefreshed({ image, before, after }: RefreshAnswer): string {
  if (before === after) return `${image} still names ${after ?? 'nothing'}.`;
  return before === null ? `${image} names ${after}.` : `${image} named ${before} and names ${after ?? 'nothing'} now.`;
}
