// A node that is both frontend and worker reads its own fills from the spool, and the fills of other nodes over the network.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { peerKeys, readAll, startFillServer } from '../testing/start-fill-server.ts';
import { testSegmentBytes } from '../testing/test-segment-bytes.ts';
import { createFillAccess, createFillTable } from '@cistern/fills';

const { signal } = new AbortController();

test('a local and a remote fill give the same bytes and the same checksum table', async (t) => {
  const { fills, index, digest, bytes, place, address, remote, bytesSent, uploaded } = await startFillServer(t, {
    size: 300_000,
  });
  await uploaded;
  const record = { ...(await index.fills.read(digest))!, ...place };
  const range = { from: 100, toExclusive: 250_000, verified: true };
  const expected = bytes.subarray(100, 250_000);
  const table = { segmentBytes: testSegmentBytes, crcs: [crc32(bytes)] };
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
    assert.equal(reader.isUnverified, true);
    assert.deepEqual(await reader.table?.(), table);
    await reader.close();
    assert.equal(bytesSent(), sent);
  }
});

test('opening a fill that has ended resolves to undefined, locally and remotely', async (t) => {
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
  }
});
