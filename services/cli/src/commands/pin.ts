// `cistern pin`, `unpin` and `pins` manage images that are never evicted.
import type { PinAnswer, PinList } from '@cistern/admin';
import type { Command } from 'commander';
import { type AdminOptions, createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand } from '../admin/admin-command.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addPin(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'pin')
    .argument('<image...>', 'images, for example nginx:1.27 or quay.io/org/app@sha256:…')
    .description(
      'Pin images, so that they are never evicted. The command fetches nothing; to fetch images, see prewarm',
    )
    .action((images: string[], options: AdminOptions) => setPins(images, true, options, terminal));
  addAdminCommand(program, 'unpin')
    .argument('<image...>', 'images, named as they were pinned')
    .description('Unpin images, so that they can be evicted again')
    .action((images: string[], options: AdminOptions) => setPins(images, false, options, terminal));
  addAdminCommand(program, 'pins')
    .description('List pinned images')
    .action((options: AdminOptions) => list(options, terminal));
}

async function setPins(images: readonly string[], pinned: boolean, options: AdminOptions, terminal: Terminal) {
  const cache = createAdminClient(options, terminal);
  for (const image of images) {
    const { image: name, wasPinned } = await cache.fetch<PinAnswer>('/v1/pins', { image, pinned });
    const unpinned = wasPinned === true ? 'is unpinned' : 'was not pinned';
    terminal.stdout.write(`${name} ${pinned ? 'is pinned' : unpinned}.\n`);
  }
}

async function list(options: AdminOptions, terminal: Terminal): Promise<void> {
  const { pins } = await createAdminClient(options, terminal).fetch<PinList>('/v1/pins');
  terminal.stdout.write(pins.map((image) => `${image}\n`).join(''));
}
