import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { watchHangup } from './watch-hangup.ts';

/** `emit` sends SIGHUP to this process's listeners of `watchHangup`. */
function watch(
  t: TestContext,
  { isTTY, terminalExists }: { readonly isTTY: boolean; readonly terminalExists: boolean },
) {
  const before = process.listeners('SIGHUP');
  const stdin = Object.assign(Readable.from([]), { isTTY });
  const handle = watchHangup({ stdin, stdout: { write() {}, fd: 1 } }, () => terminalExists);
  const listener = process.listeners('SIGHUP').find((one) => !before.includes(one)) ?? assert.fail();
  t.after(() => process.off('SIGHUP', listener));
  const events: string[] = [];
  return {
    events,
    emit: () => listener('SIGHUP'),
    handle: () => handle({ reload: () => events.push('reload'), close: () => events.push('close') }),
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('SIGHUP reloads, also one that arrives while the node starts', async (t) => {
  const { events, emit, handle } = watch(t, { isTTY: false, terminalExists: false });
  emit();
  await settled();
  assert.deepEqual(events, []);
  handle();
  await settled();
  emit();
  await settled();
  assert.deepEqual(events, ['reload', 'reload']);
});

for (const terminalExists of [true, false])
  test(`SIGHUP ${terminalExists ? 'reloads a node in an open terminal' : 'ends a node whose terminal has closed'}`, async (t) => {
    const { events, emit, handle } = watch(t, { isTTY: true, terminalExists });
    handle();
    emit();
    await settled();
    assert.deepEqual(events, [terminalExists ? 'reload' : 'close']);
  });
