// `cistern pin`, `unpin` and `pins` manage images that are never evicted.
import type { PinAnswer, PinList } from '@cistern/admin';
import type { Command } from 'commander';
import { createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand, type ReportOptions } from '../admin/admin-command.ts';
import { printAnswer, printEach } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addPin(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'pin')
    .argument('<image...>', 'images, for example nginx:1.27 or quay.io/org/app@sha256:…')
    .description(
      'Pin images, so that they are never evicted. The command fetches nothing; to fetch images, see prewarm',
    )
    .action((images: string[], options: ReportOptions) => setPins(images, true, options, terminal));
  addAdminCommand(program, 'unpin')
    .argument('<image...>', 'images, named as they were pinned')
    .description('Unpin images, so that they can be evicted again')
    .action((images: string[], options: ReportOptions) => setPins(images, false, options, terminal));
  addAdminCommand(program, 'pins')
    .description('List pinned images')
    .action((options: ReportOptions) => list(options, terminal));
}

async function setPins(images: readonly string[], pinned: boolean, options: ReportOptions, terminal: Terminal) {
  const cache = createAdminClient(options, terminal);
  await printEach(terminal, options, images, {
    act: (image) => cache.fetch<PinAnswer>('/v1/pins', { image, pinned }),
    describe({ image, wasPinned }) {
      const unpinned = wasPinned === true ? 'is unpinned' : 'was not pinned';
      return `${image} ${pinned ? 'is pinned' : unpinned}.\n`;
    },
  });
}

async function list(options: ReportOptions, terminal: Terminal): Promise<void> {
  const answer = await createAdminClient(options, terminal).fetch<PinList>('/v1/pins');
  printAnswer(terminal, options, answer, ({ pins }) => pins.map((image) => `${image}\n`).join(''));
}
