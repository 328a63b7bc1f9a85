// `cistern pin`, `unpin` and `pins`: images that no pressure and no age removes.
import type { PinAnswer, PinList } from '@cistern/admin';
import type { Command } from 'commander';
import { type AdminOptions, addAdminOptions, openAdmin } from '../admin/admin-options.ts';
import { fail } from '../terminal/fail.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addPin(program: Command, terminal: Terminal): void {
  const orFail = (done: Promise<void>) => done.catch((error: unknown) => fail(terminal, error));
  addAdminOptions(program.command('pin'))
    .argument('<image...>', 'for example nginx:1.27 or quay.io/org/app@sha256:…')
    .description('Keep images whatever room is needed. What is not here yet is not fetched by this: see prewarm')
    .action((images: string[], options: AdminOptions) => orFail(pin(images, options, terminal)));
  addAdminOptions(program.command('unpin'))
    .argument('<image...>', 'as they were pinned')
    .description('Let images go again when room is needed')
    .action((images: string[], options: AdminOptions) => orFail(unpin(images, options, terminal)));
  addAdminOptions(program.command('pins'))
    .description('Tell which images are pinned')
    .action((options: AdminOptions) => orFail(list(options, terminal)));
}

async function pin(images: readonly string[], options: AdminOptions, terminal: Terminal): Promise<void> {
  const ask = openAdmin(options, terminal);
  for (const image of images) {
    const pinned = await ask<PinAnswer>('/v1/pins', { image, pinned: true });
    terminal.stdout.write(`${pinned.image} stays.\n`);
  }
}

async function unpin(images: readonly string[], options: AdminOptions, terminal: Terminal): Promise<void> {
  const ask = openAdmin(options, terminal);
  for (const image of images) {
    const { image: name, wasPinned } = await ask<PinAnswer>('/v1/pins', { image, pinned: false });
    terminal.stdout.write(wasPinned === true ? `${name} may go.\n` : `${name} was not pinned.\n`);
  }
}

async function list(options: AdminOptions, terminal: Terminal): Promise<void> {
  const { pins } = await openAdmin(options, terminal)<PinList>('/v1/pins');
  terminal.stdout.write(pins.map((image) => `${image}\n`).join(''));
}
