// Sends one request of a client. The client reads at its own pace, and may disconnect.
import { type Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { Random } from '../../world/random.ts';
import { schedule } from '../../world/schedule.ts';

export interface Exchange {
  readonly port: number;
  readonly agent: Agent;
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly leavesAfterMs: number | undefined;
  /** Chance that the client pauses after a chunk. */
  readonly slowness: number;
  readonly random: Random;
}

export type Exchanged =
  | {
      readonly result: 'answer';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: Buffer;
      /** Time until the status arrived. */
      readonly waitedMs: number;
    }
  /** `late` means that nothing arrived for minutes. */
  | { readonly result: 'left' | 'late' }
  | { readonly result: 'broken'; readonly status: number | undefined; readonly reason: string };

/** Time after which a response is `late`. It is longer than any time limit of the product that a client can notice. */
const latestMs = 200_000;
const longestPauseMs = 3_000;

export function exchange(options: Exchange): Promise<Exchanged> {
  const { port, agent, method, path, headers, leavesAfterMs } = options;
  const { promise, resolve } = Promise.withResolvers<Exchanged>();
  const sent = request({ host: '127.0.0.1', port, method, path, headers, agent });
  const sentAtMs = schedule.nowMs;
  let status: number | undefined;
  const silence = setTimeout(() => leave('late'), latestMs);
  const timers = [silence];
  if (leavesAfterMs !== undefined) timers.push(setTimeout(() => leave('left'), leavesAfterMs));
  const end = (exchanged: Exchanged) => {
    for (const timer of timers) clearTimeout(timer);
    resolve(exchanged);
  };
  const leave = (result: 'left' | 'late') => {
    end({ result });
    sent.destroy();
  };
  const onBroken = (error: Error) => end({ result: 'broken', status, reason: String(error) });
  sent.on('error', onBroken);
  sent.on('response', (response) => {
    status = response.statusCode;
    const waitedMs = schedule.nowMs - sentAtMs;
    readBody(response, options, () => silence.refresh()).then(
      (body) => end({ result: 'answer', status: response.statusCode!, headers: response.headers, body, waitedMs }),
      onBroken,
    );
  });
  sent.end();
  return promise;
}

async function readBody(
  response: IncomingMessage,
  { slowness, random }: Exchange,
  onChunk: () => void,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    onChunk();
    if (random.chance(slowness)) await new Promise((resolve) => setTimeout(resolve, random(longestPauseMs)));
  }
  if (!response.complete) throw new Error('the response broke off');
  return Buffer.concat(chunks);
}
