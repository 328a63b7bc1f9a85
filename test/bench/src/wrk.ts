// Load from outside: wrk, whose own CPU time is a small part of what a server needs.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface WrkResult {
  readonly requests: number;
  readonly bytes: number;
  readonly seconds: number;
}

const units: Readonly<Record<string, number>> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

/** Rejects if any request failed: a fast server that answers errors is not fast. */
export async function wrk(url: string, accept: string, connections: number, seconds: number): Promise<WrkResult> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-H', `Accept: ${accept}`, url];
  const { stdout } = await promisify(execFile)('wrk', args);
  const [, requests, time, amount, unit] = /(\d+) requests in ([\d.]+)s, ([\d.]+)(B|KB|MB|GB) read/.exec(stdout) ?? [];
  if (requests === undefined || unit === undefined || /Non-2xx|Socket errors/.test(stdout))
    throw new Error(`wrk was not answered well by ${url}:\n${stdout}`);
  return { requests: Number(requests), seconds: Number(time), bytes: Number(amount) * (units[unit] ?? 1) };
}
