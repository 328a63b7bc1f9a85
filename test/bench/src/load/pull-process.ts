// Runs some of the clients of `pullAll` in a process of its own. It receives a plan and reports that it is ready. At
// the start signal it pulls, and then reports the results.
// real-time: a benchmark measures how long pulls take
import { setTimeout as delay } from 'node:timers/promises';
import { type Pull, pull } from './pull.ts';

export interface PullPlan {
  /** One pull for each client. */
  readonly pulls: readonly Pull[];
  /** Whether clients check digests and not only the number of bytes. */
  readonly isChecked: boolean;
  /** Time in milliseconds from the start signal to each client's start, in their order. */
  readonly beginsAfterMs: readonly number[];
  /** Time in seconds during which each client repeats its pull. Default: it pulls once. */
  readonly seconds?: number;
}

export interface Pulled {
  /** Time from the client's start to the first byte of its first pull. */
  readonly firstByteMs: number;
  /** Time from the start signal to the end of the last pull. */
  readonly endedMs: number;
  readonly bytes: number;
  readonly error?: string;
}

let startedAtMs = 0;

async function runClient(plan: PullPlan, client: number): Promise<Pulled> {
  const wanted = plan.pulls[client]!;
  await delay(plan.beginsAfterMs[client]);
  const beganAtMs = performance.now();
  const endsAtMs = startedAtMs + (plan.seconds ?? 0) * 1000;
  let [bytes, firstByteMs, error] = [0, Number.NaN, ''];
  try {
    do {
      const atMs = await pull(wanted, plan.isChecked);
      if (bytes === 0) firstByteMs = atMs - beganAtMs;
      bytes += wanted.size;
    } while (performance.now() < endsAtMs);
  } catch (reason) {
    error = reason instanceof Error ? reason.message : String(reason);
  }
  return { firstByteMs, endedMs: performance.now() - startedAtMs, bytes, ...(error !== '' && { error }) };
}

let plan: PullPlan = { pulls: [], isChecked: false, beginsAfterMs: [] };
process.on('message', (message: PullPlan | 'go') => {
  if (message === 'go') {
    startedAtMs = performance.now();
    void Promise.all(plan.pulls.map((_, client) => runClient(plan, client))).then((pulled) => process.send?.(pulled));
  } else {
    plan = message;
    process.send?.('ready');
  }
});
process.once('disconnect', () => process.exit());
