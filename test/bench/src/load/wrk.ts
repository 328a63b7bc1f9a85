// Generates load with wrk, whose CPU time is small compared with a server's.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface Load {
  readonly url: string;
  /** One path for each connection, which then has its own thread. They replace the path of `url`. */
  readonly paths?: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly p99Ms: number;
}

/** registry:2 returns 404 to a client that does not name the manifest's type. */
export const acceptedTypes = 'application/vnd.docker.distribution.manifest.v2+json, */*';

const ownPath = fileURLToPath(new URL('own-path.lua', import.meta.url));
const bytesIn: Readonly<Record<string, number>> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };
const msIn: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Sends GETs. Rejects if any request failed, because fast errors are no result. */
export async function wrk({ url, paths = [], connections, seconds }: Load): Promise<LoadResult> {
  const plan = [`-t${Math.max(1, paths.length)}`, `-c${connections}`, `-d${seconds}s`, '--latency', '--timeout', '60s'];
  const script = paths.length > 0 ? ['-s', ownPath, url, '--', ...paths] : [url];
  const { stdout } = await promisify(execFile)('wrk', [...plan, '-H', `Accept: ${acceptedTypes}`, ...script]);
  const [, requests, time, amount, unit = ''] =
    /(\d+) requests in ([\d.]+)s, ([\d.]+)([KMGT]?B) read/.exec(stdout) ?? [];
  const [, p99, p99Unit = ''] = /99%\s+([\d.]+)(us|ms|s|m)/.exec(stdout) ?? [];
  if (requests === undefined || p99 === undefined || /Non-2xx|Socket errors/.test(stdout))
    throw new Error(`wrk reported errors of ${url}:\n${stdout}`);
  return {
    requests: Number(requests),
    seconds: Number(time),
    bytes: Number(amount) * (bytesIn[unit] ?? Number.NaN),
    // Without any response wrk reports a latency of 0.
    p99Ms: requests === '0' ? Number.NaN : Number(p99) * (msIn[p99Unit] ?? Number.NaN),
  };
}
