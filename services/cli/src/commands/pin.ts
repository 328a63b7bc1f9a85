// `cistern pin`, `unpin` and `pins`: images that no pressure and no age removes.
import type { PinAnswer, PinList } from '@cistern/admin';
import type { Command } from 'commander';
import { type AdminOptions, createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand } from '../admin/admin-command.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addPin(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'pin')
    .argument('<image...>', 'for example nginx:1.27 or quay.io/org/app@sha256:…')
    .description('Keep images whatever room is needed. What is not here yet is not fetched by this: see prewarm')
    .action((images: string[], options: AdminOptions) => setPins(images, true, options, terminal));
  addAdminCommand(program, 'unpin')
    .argument('<image...>', 'as they were pinned')
    .description('Let images go again when room is needed')
    .action((images: string[], options: AdminOptions) => setPins(images, false, options, terminal));
  addAdminCommand(program, 'pins')
    .description('Tell which images are pinned')
    .action((options: AdminOptions) => list(options, terminal));
}

async function setPins(images: readonly string[], pinned: boolean, options: AdminOptions, terminal: Terminal) {
  const cache = createAdminClient(options, terminal);
  for (const image of images) {
    const { image: name, wasPinned } = await cache.fetch<PinAnswer>('/v1/pins', { image, pinned });
    const unpinned = wasPinned === true ? 'may go' : 'was not pinned';
    terminal.stdout.write(`${name} ${pinned ? 'stays' : unpinned}.\n`);
  }
}

async function list(options: AdminOptions, terminal: Terminal): Promise<void> {
  const { pins } = await createAdminClient(options, terminal).fetch<PinList>('/v1/pins');
  terminal.stdout.write(pins.map((image) => `${image}\n`).join(''));
}
