// real-time: WebAssembly is compiled by another thread
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Digest } from '@cistern/oci';
import { createSegmentHash } from './hash-segments.ts';
import { hashInThread } from './hash-in-thread.ts';
import { createSegments } from '../spool/segments.ts';
import { openSpoolFiles } from '../spool/spool-files.ts';
import { hashHere } from '../testing/hash-here.ts';

const segmentBytes = 1_500_000;
const bytes = randomBytes(3 * segmentBytes + 77);
const { signal } = new AbortController();

async function openSegments(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-hash-'));
  const files = openSpoolFiles({ path: join(directory, 'a'), isOneFile: false, segmentBytes });
  t.after(async () => {
    await files.close();
    await rm(directory, { recursive: true });
  });
  return createSegments({ size: bytes.length, segmentBytes, files, hasSha256: false });
}

for (const [where, open] of Object.entries({ here: hashHere, 'in a thread': hashInThread }))
  for (const algorithm of ['sha256', 'sha512'])
    test(`${algorithm} ${where}: a state after any segment continues to the same digest`, async (t) => {
      const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
      const segments = await openSegments(t);
      const savable = await open(digest, segments);
      let marks = 0;
      const hash = createSegmentHash({ digest, segments, savable, onHashed: () => (marks += 1), signal });
      const states: Uint8Array[] = [];
      // Covers the middle of a segment, and a range across the end of one.
      for (let at = 0; at < bytes.length;) {
        const end = Math.min(at + 700_000, segments.holding(at).end);
        await segments.append(at, [bytes.subarray(at, end)]);
        await hash.catchUp();
        if (end === segments.holding(at).end) states.push(hash.takeState(segments.holding(at).index)!);
        at = end;
      }
      assert.equal(marks, 4);
      assert.equal(await hash.digest(), digest);
      hash.close();
      assert.equal(states.length, 4);
      for (const [index, state] of states.entries()) {
        const resumed = await openSegments(t);
        resumed.passOver(segments.table.crcs.slice(0, index + 1));
        const savedHash = await open(digest, resumed, state);
        const rest = createSegmentHash({ digest, segments: resumed, savable: savedHash, onHashed() {}, signal });
        const from = Math.min(bytes.length, (index + 1) * segmentBytes);
        assert.equal(rest.position, from);
        for (let at = from; at < bytes.length; at = resumed.holding(at).end)
          await resumed.append(at, [bytes.subarray(at, resumed.holding(at).end)]);
        await rest.catchUp();
        assert.equal(await rest.digest(), digest);
        assert.deepEqual(resumed.table, segments.table);
        rest.close();
      }
    });

test('a state of another build is rejected, and a thread that fails reports its error', async (t) => {
  const digest = `sha256:${'0'.repeat(64)}` as Digest;
  const segments = await openSegments(t);
  for (const open of [hashHere, hashInThread])
    await assert.rejects(open(digest, segments, new Uint8Array(116)), /incompatible/i);
  const hash = await hashInThread(digest, segments);
  await assert.rejects(hash.readOn(0, 10), /ENOENT/);
  await assert.rejects(hash.readOn(0, 10), /ENOENT/);
  const closed = await hashInThread(digest, segments);
  closed.close();
  await assert.rejects(closed.readOn(0, 10), /ended/);
});
