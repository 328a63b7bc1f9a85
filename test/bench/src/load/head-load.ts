// Sends HEADs, because wrk would wait for the body that their headers announce. It runs one loop for each connection,
// in a process of its own.
// real-time: a benchmark measures how long requests take
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { acceptedTypes, type Load, type LoadResult } from './wrk.ts';

/** Does the same as `wrk`, with HEADs. */
export async function headLoad(load: Load): Promise<LoadResult> {
  const child = fork(new URL(import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.send(load);
  const [answer] = (await once(child, 'message')) as [LoadResult | { readonly error: string }];
  child.disconnect();
  if ('error' in answer) throw new Error(`${load.url}: ${answer.error}`);
  return answer;
}

function head(url: URL, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'HEAD', agent, headers: { accept: acceptedTypes } }, (response) => {
      response.resume();
      response.once('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`HEAD returned ${response.statusCode}`));
      });
    });
    sent.once('error', reject);
    sent.end();
  });
}

async function run({ url, connections, seconds }: Load): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const tookMs: number[] = [];
  const startedAtMs = performance.now();
  const endsAtMs = startedAtMs + seconds * 1000;
  const loop = async () => {
    for (let atMs = performance.now(); atMs < endsAtMs;) {
      await head(new URL(url), agent);
      const nowMs = performance.now();
      tookMs.push(nowMs - atMs);
      atMs = nowMs;
    }
  };
  await Promise.all(Array.from({ length: connections }, loop));
  agent.destroy();
  tookMs.sort((a, b) => a - b);
  const p99Ms = tookMs[Math.floor(tookMs.length * 0.99)] ?? Number.NaN;
  return { requests: tookMs.length, bytes: 0, seconds: (performance.now() - startedAtMs) / 1000, p99Ms };
}

if (process.send !== undefined)
  process.once('message', (load: Load) => {
    run(load).then(
      (result) => process.send?.(result),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
  });
