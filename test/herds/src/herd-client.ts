// Runs a herd of clients in a process of its own: many simultaneous GETs of one blob, with every byte compared with the
// source. Over IPC it reports each client's first byte, progress and end, and receives the signal that lets slow
// clients hurry.
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
  /** Plans of clients by number, from 0. The others read the whole blob as fast as they can. */
  readonly special?: Readonly<Record<number, ClientPlan>>;
  /** A client whose connection breaks resumes with a Range, as containerd does. */
  readonly resume?: boolean;
  /** Each client reports its progress after this many bytes. */
  readonly progressBytes?: number;
}

export interface ClientPlan {
  /** The speed of reading until the signal to hurry. */
  readonly bytesPerSecond?: number;
  /** The client disconnects after this many bytes. */
  readonly leavesAfterBytes?: number;
  /** The client requests only this range. `to` is the last byte; default: the end of the blob. */
  readonly range?: { readonly from: number; readonly to?: number };
}

export type HerdEvent =
  /** `afterMs` counts from the client's request. */
  | { readonly kind: 'first-byte'; readonly client: number; readonly afterMs: number }
  | { readonly kind: 'progress'; readonly client: number; readonly received: number }
  | HerdEnd;

export interface HerdEnd {
  readonly kind: 'end';
  readonly client: number;
  readonly received: number;
  /** Offset in the blob of the first wrong byte, or -1. */
  readonly wrongAt: number;
  /** The number of times that the client resumed after a broken connection. */
  readonly resumed: number;
  /** The longest time without a byte after the first one, without the client's own pauses. */
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
  for (let client = 0; client < plan.clients; client += 1) void pull(plan, client, isRight).then(report);
}

/** Returns whether the blob has that chunk at an offset. */
type Compare = (at: number, chunk: Buffer) => boolean;

function compareRotated(plan: HerdPlan): Compare {
  const body = rotatedBody(plan);
  return (at, chunk) => isOfBody(body, at, chunk);
}

function compareSeeded(plan: HerdPlan): Compare {
  const source = Buffer.concat([...seededBody(plan).read(0, plan.size)]);
  return (at, chunk) => chunk.compare(source, at, at + chunk.length) === 0;
}

function report(event: HerdEvent): void {
  process.send?.(event);
}

async function pull(plan: HerdPlan, client: number, isRight: Compare): Promise<HerdEnd> {
  const special = plan.special?.[client] ?? {};
  const from = special.range?.from ?? 0;
  const wanted = (special.range?.to ?? plan.size - 1) + 1 - from;
  const state = { received: 0, wrongAt: -1, resumed: 0, longestPauseMs: 0 };
  let error: string | undefined;
  const requestedAtMs = performance.now();
  for (;;) {
    error = await read(from + state.received, wanted - state.received).catch(({ message }: Error) => message);
    if (error === undefined || plan.resume !== true || state.resumed === maxResumes) break;
    state.resumed += 1;
    await delay(resumeAfterMs);
  }
  return { kind: 'end', client, ...state, ...(error !== undefined && { error }) };

  /**
   * Sends one request for `length` bytes from an offset of the blob. Resolves to a description of wrong headers, if
   * any.
   */
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
    if (state.received === 0) report({ kind: 'first-byte', client, afterMs: performance.now() - requestedAtMs });
    const at = from + state.received;
    if (state.wrongAt < 0 && !isRight(at, chunk)) state.wrongAt = at;
    const step = plan.progressBytes ?? Number.POSITIVE_INFINITY;
    const before = Math.floor(state.received / step);
    state.received += chunk.length;
    if (Math.floor(state.received / step) > before) report({ kind: 'progress', client, received: state.received });
  }
}
