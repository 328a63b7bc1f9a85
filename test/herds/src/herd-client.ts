// A herd of clients in a process of its own: many GETs of one blob at once, every byte compared with the source. Speaks
// IPC: tells each client's first byte, progress and end, and is told when the slow ones may hurry.
// real-time: reports pauses between bytes, and reads slowly on purpose
import { type IncomingMessage, get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { isOfBody, rotatedBody, seededBody } from '@cistern/fake-upstream';

export interface HerdPlan {
  readonly url: string;
  readonly size: number;
  readonly seed: number;
  /** The blob's bytes are a `rotatedBody`, which may be larger than memory. Default: a `seededBody`. */
  readonly isRotated?: boolean;
  readonly clients: number;
  /** What a client does otherwise than to read the whole as fast as it can, by its number, which starts at 0. */
  readonly special?: Readonly<Record<number, ClientPlan>>;
  /** A client whose connection breaks goes on from where it was with a Range, as containerd does. */
  readonly resume?: boolean;
  /** Each client tells its progress whenever it has got so many bytes more. */
  readonly progressBytes?: number;
}

export interface ClientPlan {
  /** How fast it reads until told to hurry. */
  readonly bytesPerSecond?: number;
  /** Then it leaves. */
  readonly leavesAfterBytes?: number;
  /** Asks for this range only; `to` is the last byte, default that of the blob. */
  readonly range?: { readonly from: number; readonly to?: number };
}

export type HerdEvent =
  /** `afterMs`: since it began to ask. */
  | { readonly kind: 'first-byte'; readonly client: number; readonly afterMs: number }
  | { readonly kind: 'progress'; readonly client: number; readonly received: number }
  | HerdEnd;

export interface HerdEnd {
  readonly kind: 'end';
  readonly client: number;
  readonly received: number;
  /** Offset in the blob; -1: all bytes were right. */
  readonly wrongAt: number;
  /** How often the connection broke and the client went on. */
  readonly resumed: number;
  /** The longest time without a byte after the first one, the client's own pauses left out. */
  readonly longestPauseMs: number;
  readonly error?: string;
}

const maxResumes = 5;
const resumeAfterMs = 100;

let hurry = false;
process.on('message', (message: HerdPlan | 'hurry') => {
  if (message === 'hurry') hurry = true;
  else start(message);
});

function start(plan: HerdPlan): void {
  const isRight = plan.isRotated === true ? compareRotated(plan) : compareSeeded(plan);
  for (let client = 0; client < plan.clients; client += 1) void pull(plan, client, isRight).then(tell);
}

/** Whether the blob has that chunk at an offset. */
type Compare = (at: number, chunk: Buffer) => boolean;

function compareRotated(plan: HerdPlan): Compare {
  const body = rotatedBody(plan);
  return (at, chunk) => isOfBody(body, at, chunk);
}

function compareSeeded(plan: HerdPlan): Compare {
  const source = Buffer.concat([...seededBody(plan).read(0, plan.size)]);
  return (at, chunk) => chunk.compare(source, at, at + chunk.length) === 0;
}

function tell(event: HerdEvent): void {
  process.send?.(event);
}

async function pull(plan: HerdPlan, client: number, isRight: Compare): Promise<HerdEnd> {
  const special = plan.special?.[client] ?? {};
  const from = special.range?.from ?? 0;
  const wanted = (special.range?.to ?? plan.size - 1) + 1 - from;
  const state = { received: 0, wrongAt: -1, resumed: 0, longestPauseMs: 0 };
  let error: string | undefined;
  const askedAtMs = performance.now();
  for (;;) {
    error = await read(from + state.received, wanted - state.received).catch(({ message }: Error) => message);
    if (error === undefined || plan.resume !== true || state.resumed === maxResumes) break;
    state.resumed += 1;
    await delay(resumeAfterMs);
  }
  return { kind: 'end', client, ...state, ...(error !== undefined && { error }) };

  /** One request, for `length` bytes from an offset of the blob. Resolves with what was wrong with its headers. */
  async function read(offset: number, length: number): Promise<string | undefined> {
    const isWhole = offset === 0 && length === plan.size;
    const headers = isWhole ? {} : { range: `bytes=${offset}-${offset + length - 1}` };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(plan.url, { agent: false, headers }, resolve).on('error', reject);
    });
    if (response.statusCode !== (isWhole ? 200 : 206) || Number(response.headers['content-length']) !== length) {
      response.destroy();
      return `status ${response.statusCode}, length ${response.headers['content-length']}`;
    }
    let lastAtMs = state.received === 0 ? undefined : performance.now();
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (lastAtMs !== undefined) state.longestPauseMs = Math.max(state.longestPauseMs, performance.now() - lastAtMs);
      take(chunk);
      if (special.leavesAfterBytes !== undefined && state.received >= special.leavesAfterBytes) break;
      if (special.bytesPerSecond !== undefined && !hurry) await delay((chunk.length / special.bytesPerSecond) * 1000);
      lastAtMs = performance.now();
    }
    return undefined;
  }

  function take(chunk: Buffer): void {
    if (state.received === 0) tell({ kind: 'first-byte', client, afterMs: performance.now() - askedAtMs });
    const at = from + state.received;
    if (state.wrongAt < 0 && !isRight(at, chunk)) state.wrongAt = at;
    const step = plan.progressBytes ?? Number.POSITIVE_INFINITY;
    const before = Math.floor(state.received / step);
    state.received += chunk.length;
    if (Math.floor(state.received / step) > before) tell({ kind: 'progress', client, received: state.received });
  }
}
