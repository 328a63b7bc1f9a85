// Fills and empties the disk of the directory store of a single process. Operators see the cause, what still works and what to do, the
// same everywhere, and nothing else.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { freeBytesOf, mountSmallDisk } from '@cistern/single-node/mount-small-disk';
import { cacheOf, openDirectory, openProcess, openUpstream, type Owner } from '@cistern/single-node/open-stage';
import { freePort } from '@cistern/test-servers';
import { declareDrills } from '../src/declare-drills.ts';
import { openOperatorsView } from '../src/open-operators-view.ts';

const drill = declareDrills(openSingle);

/** The store has a disk of its own, and the spool is elsewhere. */
async function openSingle(owner: Owner) {
  const upstream = await openUpstream(owner);
  const { directory: disk, unmount } = await mountSmallDisk(60);
  owner.after(unmount);
  const addr = `127.0.0.1:${await freePort()}`;
  const rootDirectory = join(disk, 'data');
  const worker = { spool: { directory: await openDirectory(owner) } };
  const cistern = await openProcess(owner, {
    rootDirectory,
    config: { ...cacheOf(upstream), admin: { addr }, worker },
  });
  const view = await openOperatorsView(owner, {
    args: ['--data', rootDirectory],
    metricsUrl: cistern.metricsUrl,
    console: { url: `http://${addr}`, page: 'nodes' },
    targets: { cistern: [new URL(cistern.metricsUrl).host] },
  });
  return { ...view, disk };
}

test(
  'the disk of a directory store is full',
  drill({
    kinds: ['store-full'],
    async begin({ disk }) {
      const ballast = join(disk, 'another-file');
      await writeFile(ballast, Buffer.alloc((await freeBytesOf(disk)) - 65_536));
      return ballast;
    },
    check: ([seen]) => assert.match(seen!.reason, /^The store is full: \d+ of \d+ bytes are free on the file system/),
    end: (_, ballast) => rm(ballast),
  }),
);
