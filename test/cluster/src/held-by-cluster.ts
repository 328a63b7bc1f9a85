// The resources that a cluster holds and must release once no client sends requests.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cluster, ClusterNode } from '@cistern/test-servers';
import { readMetric } from './read-metric.ts';
import { viewBucket } from './view-bucket.ts';

export interface Held {
  /** Sockets by node, including idle connections that wait for the next request. */
  readonly sockets: Readonly<Record<string, number>>;
  /** Files by node, without those that stay open permanently, such as a log. */
  readonly files: readonly string[];
  readonly spooled: readonly string[];
  readonly uploads: readonly string[];
  /** Keys in Redis that are not records of cached content. */
  readonly keys: readonly string[];
  readonly inFlight: number;
}

/** The number of failed jobs that a queue keeps for an operator. */
const maxFailed = 100;
/**
 * Keys that stay: records of cached content, the state of the whole index, popularity, and the leases of store
 * maintenance.
 */
const lastingKey =
  /^\{(?:b:\w\w\}:(?:b:|m:|recent|sums|settling|rebuilt)|r:|l:|p\}:popular-|v:\w\w\}:lease:(?:aging|eviction|scrub)$)/;

export async function heldBy(cluster: Cluster): Promise<Held> {
  const { frontends, workers, redis, keyPrefix, configFile } = cluster;
  const nodes = [...frontends, ...workers];
  const open = new Map<string, string[]>();
  for (const { name, pid } of nodes) open.set(name, await openFiles(pid));
  const spools = workers.map(({ name }) => filesBelow(join(dirname(configFile), `${name}-spool`)));
  const read = async (...args: string[]) => (await redis.command(...args)).split('\n').filter((line) => line !== '');
  const failed = new Set<string>();
  for (const list of await read('KEYS', `${keyPrefix}{jobs-*:failed`)) {
    const ids = await read('ZRANGE', list, '0', '-1');
    if (ids.length <= maxFailed) for (const id of [...ids, 'failed']) failed.add(list.replace(/failed$/, id));
  }
  const keys = (await read('KEYS', `${keyPrefix}*`)).filter((key) => !failed.has(key));
  return {
    sockets: Object.fromEntries(
      [...open].map(([name, links]) => [name, links.filter((link) => link === 'socket').length]),
    ),
    files: [...open].flatMap(([name, links]) =>
      links.filter((link) => link.startsWith('/')).map((link) => `${name} ${link}`),
    ),
    spooled: (await Promise.all(spools)).flat(),
    uploads: await viewBucket(cluster).unfinishedUploads(),
    keys: keys
      .map((key) => key.slice(keyPrefix.length))
      .filter((key) => !lastingKey.test(key))
      .toSorted(),
    inFlight:
      (await readMetric(nodes, 'cistern_fills_in_flight')) +
      (await readMetric(frontends, 'cistern_requests_in_flight')),
  };
}

/** Resident bytes by node. */
export async function residentBytes(nodes: readonly ClusterNode[]): Promise<Map<string, number>> {
  const entries = nodes.map(async ({ name, pid }) => {
    const [, kibibytes] = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
    return [name, Number(kibibytes) * 1024] as const;
  });
  return new Map(await Promise.all(entries));
}

async function openFiles(pid: number): Promise<string[]> {
  const directory = `/proc/${pid}/fd`;
  const links = (await readdir(directory)).map((fd) => readlink(`${directory}/${fd}`).catch(() => ''));
  return (await Promise.all(links)).map((link) => link.replace(/:\[\d+\]$/, '')).toSorted();
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}
