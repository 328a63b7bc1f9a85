// The two indexes that grow: one in a real Redis, and one in the SQLite file of a single process.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { CacheIndex } from '@cistern/index';
import { openRedisIndex } from '@cistern/index/redis';
import { openSqliteIndex } from '@cistern/index/sqlite';
import { commandTimeoutMs, type Redis, startRedis } from '@cistern/test-servers';
import type { Contender, ContenderKind, Site } from '../contenders/contender.ts';

export interface IndexKind extends ContenderKind {
  /** Opens the index, empty or as it was at the last close on this contender. The process has nothing cached. */
  open(contender: Contender): Promise<CacheIndex>;
  /** Returns the memory of Redis or the size of the SQLite file, while no index is open. */
  usedBytes(contender: Contender): Promise<number>;
  /** Returns the number of commands that Redis has run, including those inside scripts. */
  commands?(contender: Contender): Promise<number>;
}

const servers = new WeakMap<Contender, Redis>();
const log = { warn: complain, error: complain };

export const inRedis: IndexKind = {
  name: 'redis',
  title: 'Index in Redis',
  async start(_site: Site) {
    // Only memory is measured, so nothing is written to the disk.
    const redis = await startRedis({ directives: ['appendonly no'] });
    const contender = { url: redis.url, pids: [], close: () => redis.close() };
    servers.set(contender, redis);
    return contender;
  },
  open({ url }) {
    return openRedisIndex({
      connection: { kind: 'url', url },
      keyPrefix: 'cistern:',
      settleMs: 0,
      commandTimeoutMs: commandTimeoutMs.patient,
      log,
    });
  },
  async usedBytes(contender) {
    const info = await servers.get(contender)?.command('INFO', 'memory');
    return Number(/^used_memory:(\d+)/m.exec(info ?? '')?.[1]);
  },
  async commands(contender) {
    const info = (await servers.get(contender)?.command('INFO', 'commandstats')) ?? '';
    return info.matchAll(/:calls=(\d+)/g).reduce((sum, [, calls]) => sum + Number(calls), 0);
  },
};

export const inSqlite: IndexKind = {
  name: 'sqlite',
  title: 'Index in SQLite',
  async start(_site: Site) {
    const directory = await mkdtemp(join(tmpdir(), 'cistern-growth-'));
    const url = pathToFileURL(join(directory, 'index.sqlite')).href;
    return { url, pids: [], close: () => rm(directory, { recursive: true }) };
  },
  open: ({ url }) => openSqliteIndex({ path: fileURLToPath(url), now: Date.now, log }),
  usedBytes: async ({ url }) => (await stat(fileURLToPath(url)).catch(() => ({ size: 0 }))).size,
};

function complain(fields: object, message: string): void {
  process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
}
