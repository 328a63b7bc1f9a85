// Runs every command of the documentation in order on one machine. Commands that cannot run here state the reason (see
// `read-page.ts`).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Machine, openMachine } from '../src/docs/open-machine.ts';
import { pages } from '../src/docs/pages.ts';
import type { Block } from '../src/docs/read-page.ts';

const cacheUrl = 'http://cache.example:5000/v2/';
/** Every Kubernetes node has containerd already running. */
const startContainerd = [
  'setsid containerd >/dev/null 2>&1 &',
  'for second in $(seq 60); do ctr version >/dev/null 2>&1 && exit 0; sleep 1; done; exit 1',
].join('\n');
const isShell = ({ language }: Block) => language === 'sh' || language === 'console';
const isDone = ({ language, note }: Block) =>
  note?.kind === 'file' || (isShell({ language } as Block) && note?.kind !== 'not run');

for (const { path, blocks, prose } of pages) {
  const done = blocks.filter(isDone);
  if (!done.some(isShell)) continue;

  test(path, async (t) => {
    const machine = await openMachine({ inClone: path === 'README.md' });
    t.after(() => machine.close());
    // The README starts its own cache. Every other page assumes a running one.
    if (path !== 'README.md') await machine.start('cistern serve', cacheUrl);
    if (done.some(({ text }) => /^ctr /m.test(text))) await machine.run(startContainerd);
    for (const block of done)
      await follow(machine, block).catch((error: unknown) => {
        throw new Error(`${path}:${block.line}: ${(error as Error).message}`, { cause: error });
      });
    // These URLs are meant for the reader's browser.
    for (const [, url] of prose.matchAll(/<(http:\/\/localhost:[^>]+)>/g))
      await machine.run(`curl --silent --show-error --fail --location --output /dev/null ${url}`);
  });
}

async function follow(machine: Machine, { language, text, note }: Block): Promise<void> {
  if (note?.kind === 'file') return machine.write(note.text, text);
  if (note?.kind === 'run') return machine.start(text, note.text.replace(/^until /, ''));
  if (language === 'sh') return void (await machine.run(text));
  for (const [, command = '', expected = ''] of text.matchAll(/^\$ (.*)\n?((?:(?!\$ ).*\n?)*)/gm)) {
    const printed = await machine.run(command);
    assert.deepEqual(linesOf(printed), linesOf(expected), command);
  }
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

test('blocks that are not run state a reason', () => {
  const nameless = pages.flatMap(({ blocks }) => blocks.filter(({ language }) => language === ''));
  assert.deepEqual(
    nameless.map(({ page, line }) => `${page}:${line}`),
    [],
    'blocks without a language',
  );
  const reasons = pages.flatMap(({ blocks }) => blocks.filter(isShell).filter(({ note }) => note?.kind === 'not run'));
  assert.ok(reasons.length > 0);
  for (const { page, line, note } of reasons) assert.ok(note!.text.length > 15, `${page}:${line}`);
});
