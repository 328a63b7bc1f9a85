import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Link } from '@cistern/index';
import { createTestIndex, repositoryOf } from '@cistern/index/testing';
import { digestOf } from '@cistern/oci';
import { putLinks } from './repository-links.ts';

const library = repositoryOf('docker.io', 'library/nginx');

/**
 * Writes the links of a manifest. The write with the number `failing` fails. `written` of the result is the number of links in
 * each write.
 */
async function write(count: number, failing = Infinity) {
  const index = createTestIndex({ now: () => 0 });
  const written: number[] = [];
  const put = async (key: typeof library, links: readonly Link[]) => {
    if (written.length + 1 === failing) throw new Error('lost');
    written.push(links.length);
    await index.links.put(key, links);
  };
  const links = Array.from({ length: count }, (_, at): Link => {
    const digest = digestOf(Buffer.from(`${at}`));
    return { ...library, digest, kind: at === 0 ? 'manifest' : 'blob' };
  });
  const error = await putLinks({ links: { ...index.links, put } }, library, links).catch((reason: Error) => reason);
  const known = new Set(await index.links.digests(library));
  return { written, error, known: links.map(({ digest }) => known.has(digest)) };
}

test('the links of an ordinary manifest are written in one write', async () => {
  assert.deepEqual((await write(250)).written, [250]);
});

test('all links of a large manifest are written, in portions', async () => {
  const { written, known } = await write(2001);
  assert.ok(written.every((portion) => portion <= 250));
  assert.ok(known.every((isKnown) => isKnown));
  assert.equal(known.length, 2001);
});

test('a manifest itself has no link if the write of its other links fails', async () => {
  for (const failing of [1, 2, 8, 9]) {
    const { error, known } = await write(2001, failing);
    assert.equal(error?.message, 'lost');
    assert.equal(known[0], false);
  }
});
