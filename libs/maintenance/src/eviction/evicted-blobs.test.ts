// Runs the eviction races on the indexes that need no server. test/adapters runs them on Redis.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteIndex } from '@cistern/index/sqlite';
import { describeEvictionRaces } from '../testing/eviction-races.ts';

describeEvictionRaces('sqlite', async (_, { now }) => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-eviction-races-'));
  const index = await openSqliteIndex({ path: join(directory, 'index.sqlite'), now, log: { warn() {}, error() {} } });
  const close = async () => {
    await index.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { index, ofEvictor: index, close };
});
