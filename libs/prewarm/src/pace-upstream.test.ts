import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RepositoryName } from '@cistern/oci';
import { createFillTable } from '@cistern/fills';
import { createScriptedUpstream } from '@cistern/upstream/testing';
import { bytesOf } from '@cistern/oci/testing';
import { paceUpstream } from './fetch-blobs.ts';

test('a chunk counts even if its reader has freed it before requesting the next chunk', async () => {
  const repository = 'library/nginx' as RepositoryName;
  const upstream = createScriptedUpstream('docker.io');
  const digest = upstream.addBlob(repository, bytesOf(300_000));
  let spent = 0;
  const paced = paceUpstream(upstream, {
    bandwidth: {
      async spend(bytes) {
        spent += bytes;
      },
    },
    fills: createFillTable(),
    signal: new AbortController().signal,
  });
  const { body } = await paced.getBlob(repository, digest);
  for await (const { buffer } of body) if (buffer instanceof ArrayBuffer) buffer.transfer(0);
  assert.equal(spent, 300_000);
});
