// A node that serves and works reads its own fills from its spool, and those of others over the wire.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { peerKeys, readAll, startFillServer } from '../testing/start-fill-server.ts';
import { createFillAccess, createFillTable } from '@cistern/fills';

const { signal } = new AbortController();

test('the same bytes, whether a fill runs here or elsewhere', async (t) => {
  const { fills, index, digest, bytes, place, address, remote, bytesSent, uploaded } = await startFillServer(t, {
    size: 300_000,
  });
  await uploaded;
  const record = { ...(await index.fills.read(digest))!, ...place };
  const range = { from: 100, toExclusive: 250_000, verified: true };
  const expected = bytes.subarray(100, 250_000);
  const nodes = [
    { access: createFillAccess({ fills, address, remote }), sent: 0 },
    {
      access: createFillAccess({ fills: createFillTable(), address: 'http://other:5002', remote }),
      sent: expected.length,
    },
    { access: createFillAccess({ fills: undefined, address: '', remote }), sent: 2 * expected.length },
  ];
  for (const { access, sent } of nodes) {
    const reader = (await access.open(record, range, signal))!;
    assert.ok((await readAll(reader)).equals(expected));
    assert.deepEqual(reader.delivered, { from: 100, endExclusive: 250_000, checksum: crc32(expected) });
    await reader.close();
    assert.equal(bytesSent(), sent);
    const isHere = sent === 0;
    assert.equal(await access.checksum(record, 100, 250_000), isHere ? crc32(expected) : undefined);
  }
});

test('a fill that is over is asked for nowhere else, here or there', async (t) => {
  const { fills, index, digest, place, address, remote } = await startFillServer(t, { size: 1_000 });
  const over = { ...place, fillId: 'over' };
  const record = { ...(await index.fills.read(digest))!, ...over, ...peerKeys.signRecord(over) };
  const range = { from: 0, toExclusive: 1_000, verified: true };
  for (const access of [
    createFillAccess({ fills, address, remote }),
    createFillAccess({ fills: undefined, address: '', remote }),
    createFillAccess({ fills, address: '', remote: undefined }),
  ]) {
    assert.equal(await access.open(record, range, signal), undefined);
    assert.equal(await access.checksum(record, 0, 10), undefined);
  }
});

test('alone, a node needs no checksum: its bytes are verified before their end', async (t) => {
  const { fills, index, digest, bytes } = await startFillServer(t, { size: 300_000 });
  const record = { ...(await index.fills.read(digest))!, size: bytes.length };
  const access = createFillAccess({ fills, address: '', remote: undefined });
  const reader = (await access.open(record, { from: 0, toExclusive: bytes.length, verified: true }, signal))!;
  assert.equal(reader.delivered, undefined);
  assert.ok((await readAll(reader)).equals(bytes));
  assert.equal(await reader.verification?.('proven'), 'proven');
  await reader.close();
});
