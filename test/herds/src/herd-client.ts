// A herd of clients in a process of its own: many GETs of one blob at once, every byte compared with the source. Speaks
// IPC: tells each client's first byte and end, and is told when the slow one may hurry.
import { type IncomingMessage, get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { seededBody } from '@cistern/fake-upstream';

export interface HerdPlan {
  readonly url: string;
  readonly size: number;
  readonly seed: number;
  readonly clients: number;
  /** The client that reads this many bytes a second until told to hurry. */
  readonly slow?: { readonly client: number; readonly bytesPerSecond: number };
  /** The client that leaves after so many bytes. */
  readonly leaving?: { readonly client: number; readonly afterBytes: number };
}

export type HerdEvent =
  | { readonly kind: 'first-byte'; readonly client: number }
  | {
      readonly kind: 'end';
      readonly client: number;
      readonly received: number;
      readonly wrongAt: number;
      readonly error?: string;
    };

let hurry = false;
process.on('message', (message: HerdPlan | 'hurry') => {
  if (message === 'hurry') hurry = true;
  else start(message);
});

function start(plan: HerdPlan): void {
  const source = Buffer.concat([...seededBody({ size: plan.size, seed: plan.seed }).read(0, plan.size)]);
  for (let client = 0; client < plan.clients; client += 1)
    void pull(plan, client, source).then((end) => process.send?.(end satisfies HerdEvent));
}

async function pull(plan: HerdPlan, client: number, source: Buffer): Promise<HerdEvent> {
  let received = 0;
  let wrongAt = -1;
  const end = (error?: string): HerdEvent => ({
    kind: 'end',
    client,
    received,
    wrongAt,
    ...(error !== undefined && { error }),
  });
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(plan.url, { agent: false }, resolve).on('error', reject);
    });
    if (response.statusCode !== 200 || Number(response.headers['content-length']) !== plan.size)
      return end(`status ${response.statusCode}, length ${response.headers['content-length']}`);
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (received === 0) process.send?.({ kind: 'first-byte', client } satisfies HerdEvent);
      if (wrongAt < 0 && chunk.compare(source, received, received + chunk.length) !== 0) wrongAt = received;
      received += chunk.length;
      if (plan.leaving?.client === client && received >= plan.leaving.afterBytes) break;
      if (plan.slow?.client === client && !hurry) await delay((chunk.length / plan.slow.bytesPerSecond) * 1000);
    }
    return end();
  } catch (error) {
    return end((error as Error).message);
  }
}
