// Counts the commands that Redis runs. Commands inside scripts count, too.
// real-time: rates of commands are counted while time passes
import { setTimeout as delay } from 'node:timers/promises';
import type { RedisProcess } from '@cistern/test-servers';

export interface Counted {
  /** Commands by name. */
  readonly byName: ReadonlyMap<string, number>;
  readonly commands: number;
  readonly seconds: number;
  /** CPU time of the servers, in seconds. */
  readonly cpuSeconds: number;
}

/** Counts the commands of all servers while `work` runs, which may be a number of seconds to wait. */
export async function countCommands(
  servers: readonly RedisProcess[],
  work: number | (() => Promise<void>),
): Promise<Counted> {
  const before = await readCounts(servers);
  const cpuBefore = await readCpuSeconds(servers);
  const startedAtMs = performance.now();
  await (typeof work === 'number' ? delay(work * 1000) : work());
  const seconds = (performance.now() - startedAtMs) / 1000;
  const cpuSeconds = (await readCpuSeconds(servers)) - cpuBefore;
  const more = [...(await readCounts(servers))].map(
    ([name, calls]) => [name, calls - (before.get(name) ?? 0)] as const,
  );
  const byName = new Map(more.filter(([, calls]) => calls > 0).toSorted(([, one], [, other]) => other - one));
  return { byName, commands: more.reduce((sum, [, calls]) => sum + calls, 0), seconds, cpuSeconds };
}

/** Leaves out the commands between replicas and masters, and those of this function. */
async function readCounts(servers: readonly RedisProcess[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const server of servers)
    for (const [, name = '', calls] of (await server.command('INFO', 'commandstats')).matchAll(
      /^cmdstat_([^:]+):calls=(\d+)/gm,
    ))
      if (name !== 'replconf' && name !== 'info') counts.set(name, (counts.get(name) ?? 0) + Number(calls));
  return counts;
}

async function readCpuSeconds(servers: readonly RedisProcess[]): Promise<number> {
  let seconds = 0;
  for (const server of servers)
    for (const [, spent] of (await server.command('INFO', 'cpu')).matchAll(/^used_cpu_(?:user|sys):([\d.]+)/gm))
      seconds += Number(spent);
  return seconds;
}

/** Describes commands per second, in total and by name, and how much of a core they take. */
export function describeCommands({ byName, commands, seconds, cpuSeconds }: Counted): string {
  const rates = [...byName].map(([name, calls]) => `${name} ${(calls / seconds).toFixed(1)}`);
  const cpu = `${((cpuSeconds * 1e6) / commands).toFixed(1)} µs of CPU each`;
  return `${(commands / seconds).toFixed(1)} commands a second, ${cpu}: ${rates.join(', ')}`;
}
