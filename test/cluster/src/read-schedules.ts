// Reads the schedules of the queues, as BullMQ stores them.
import type { Redis } from '@cistern/test-servers';

/** Returns the ids of the schedules whose next run exists, prefixed with their queue names and sorted. */
export async function readSchedules({
  redis,
  keyPrefix,
}: {
  readonly redis: Redis;
  readonly keyPrefix: string;
}): Promise<string[]> {
  const lines = async (...args: string[]) => (await redis.command(...args)).split('\n').filter((line) => line !== '');
  const found: string[] = [];
  for (const key of await lines('KEYS', `${keyPrefix}{jobs-*:repeat`)) {
    const entries = await lines('ZRANGE', key, '0', '-1', 'WITHSCORES');
    for (let at = 0; at < entries.length; at += 2) {
      const run = `${key}:${entries[at]}:${entries[at + 1]}`;
      if ((await redis.command('EXISTS', run)) === '1') found.push(`${key.slice(keyPrefix.length)} ${entries[at]}`);
    }
  }
  return found.sort();
}
