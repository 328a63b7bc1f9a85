// Tests how a worker sends a reader's table and outcome to another node.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { repositoryOf } from '@cistern/index/testing';
import { digestOf } from '@cistern/oci';
import { SourceInterrupted, type SourceReader } from '@cistern/streams';
import { createLogger } from '@cistern/telemetry';
import type { Fill } from '../fill/fill-options.ts';
import { createAnswerFill } from './answer-fill.ts';
import { openRemoteFills } from './open-remote-fills.ts';
import { openPeerConnections } from './peer-connections.ts';
import { createPeerKeys } from './peer-keys.ts';

const keys = createPeerKeys('the secret of the test cluster');
const digest = digestOf(Buffer.from('a'));
const source = repositoryOf('docker.io', 'library/nginx');
const log = createLogger({ level: 'error', formatter: 'json' });
const table = { segmentBytes: 16 * 1024 * 1024, crcs: [7] };
const now = () => 1_700_000_000_000;

/** A reader of three bytes that ends as `end` does. */
function readerOf(end: Error | undefined, ofTable?: SourceReader['table']): SourceReader {
  let left = 3;
  return {
    async read(into) {
      if (left === 0 && end !== undefined) throw end;
      const length = Math.min(left, into.length);
      left -= length;
      return length;
    },
    close: async () => {},
    table: ofTable,
  };
}

async function openFrom(t: TestContext, reader: SourceReader) {
  const fill = { fillId: 'fill', digest, size: 3, open: () => reader } as unknown as Fill;
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.on('request', createAnswerFill({ fills: { get: () => fill }, keys, address, now, onSent() {} }));
  const remote = openRemoteFills({ keys, connections: openPeerConnections(), now, log });
  t.after(async () => {
    await remote.close();
    server.close();
  });
  const signed = { digest, fillId: 'fill', address, source, size: 3 };
  const range = { from: 0, toExclusive: 3, verified: true };
  const place = { ...signed, ...keys.signRecord(signed) };
  const opened = (await remote.open(place, range, new AbortController().signal))!;
  assert.equal(await opened.read(Buffer.alloc(64)), 3);
  return opened;
}

test('a reader’s table arrives with its end, no matter when it is known', async (t) => {
  const known = Promise.withResolvers<typeof table>();
  const opened = await openFrom(
    t,
    readerOf(undefined, () => known.promise),
  );
  const reading = opened.table();
  known.resolve(table);
  assert.deepEqual(await reading, table);
  assert.equal(await opened.read(Buffer.alloc(64)), 0);
});

test('a reader without a table ends without one', async (t) => {
  assert.equal(await (await openFrom(t, readerOf(undefined))).table(), undefined);
  const unknown = readerOf(undefined, async () => undefined);
  assert.equal(await (await openFrom(t, unknown)).table(), undefined);
});

test('a table that fails is a failure, not an end', async (t) => {
  const opened = await openFrom(
    t,
    readerOf(undefined, async () => {
      throw new SourceInterrupted('it has moved');
    }),
  );
  await assert.rejects(opened.table(), SourceInterrupted);
  assert.equal(opened.ended, false);
});

test('a reader that must continue in the store or at another worker rejects accordingly', async (t) => {
  for (const isStored of [true, false]) {
    const opened = await openFrom(t, readerOf(new SourceInterrupted('elsewhere', { isStored })));
    await assert.rejects(
      opened.read(Buffer.alloc(64)),
      (error) => error instanceof SourceInterrupted && error.isStored === isStored,
    );
  }
});
