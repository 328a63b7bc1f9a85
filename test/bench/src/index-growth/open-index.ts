// The two indexes that grow: in a real Redis, and in the file of a single process.
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
  /** Empty, or as it was when the last one on this contender was closed: with nothing remembered by the process. */
  open(contender: Contender): Promise<CacheIndex>;
  /** Of memory in Redis, of the file in SQLite, when no index is open. */
  usedBytes(contender: Contender): Promise<number>;
}

const servers = new WeakMap<Contender, Redis>();
const log = { warn: complain, error: complain };

export const inRedis: IndexKind = {
  name: 'redis',
  title: 'Index in Redis',
  async start(_site: Site) {
    const redis = await startRedis();
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
