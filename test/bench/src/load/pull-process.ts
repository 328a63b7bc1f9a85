// Some of the clients of `pullAll`, in a process of their own. Told what to pull, it says that it is ready; told to go, it
// pulls and says how that went.
// real-time: a benchmark measures how long pulls take
import { setTimeout as delay } from 'node:timers/promises';
import { type Pull, pull } from './pull.ts';

export interface PullPlan {
  /** One for each client. */
  readonly pulls: readonly Pull[];
  /** Whether the digests of the bytes are looked at, and not their number alone. */
  readonly isChecked: boolean;
  /** How long after the word each client begins, in their order. */
  readonly beginsAfterMs: readonly number[];
  /** Each client begins anew until so much time has passed; default: once. */
  readonly seconds?: number;
}

export interface Pulled {
  /** Since the client began, of its first pull. */
  readonly firstByteMs: number;
  /** Since the word, of its last pull. */
  readonly endedMs: number;
  readonly bytes: number;
  readonly error?: string;
}

let goneAtMs = 0;

async function runClient(plan: PullPlan, client: number): Promise<Pulled> {
  const wanted = plan.pulls[client]!;
  await delay(plan.beginsAfterMs[client]);
  const beganAtMs = performance.now();
  const endsAtMs = goneAtMs + (plan.seconds ?? 0) * 1000;
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
  return { firstByteMs, endedMs: performance.now() - goneAtMs, bytes, ...(error !== '' && { error }) };
}

let plan: PullPlan = { pulls: [], isChecked: false, beginsAfterMs: [] };
process.on('message', (message: PullPlan | 'go') => {
  if (message === 'go') {
    goneAtMs = performance.now();
    void Promise.all(plan.pulls.map((_, client) => runClient(plan, client))).then((pulled) => process.send?.(pulled));
  } else {
    plan = message;
    process.send?.('ready');
  }
});
process.once('disconnect', () => process.exit());
