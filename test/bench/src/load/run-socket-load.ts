// Sends requests over raw sockets, one at a time on each. It does little work for a request and polls the clock, so it
// neither sleeps nor takes the time of a server on another core.
// real-time: a benchmark measures how long requests take
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type LoadConnection, openLoadConnection } from './load-connection.ts';
import { createPacer } from './pacer.ts';
import { percentile } from './pull-all.ts';
import type { Expected } from './response-reader.ts';
import type { Load, LoadResult } from './wrk.ts';

export interface SocketLoad extends Omit<Load, 'paths'>, Expected {
  /** Requests a second of all connections. Without it each connection sends as soon as it has its response. */
  readonly rate?: number | undefined;
}

export interface RatedResult extends LoadResult {
  /** The part of requests that were sent late: the load fell behind its rate. */
  readonly latePart: number;
}

/** Time for responses after the end. */
const patienceMs = 10_000;

/** Measures the time of a response from when its request was due. Rejects if any response is wrong. */
export async function runSocketLoad(load: SocketLoad, clock = () => performance.now()): Promise<RatedResult> {
  const tookMs: number[] = [];
  const idle: ((dueMs: number) => void)[] = [];
  const connections: LoadConnection[] = [];
  let failure: Error | undefined;
  const failed = (error: Error) => void (failure ??= error);

  async function connect(): Promise<void> {
    let sentForMs = 0;
    const send = (dueMs: number) => {
      sentForMs = dueMs;
      connection.send();
    };
    const answered = () => {
      tookMs.push(clock() - sentForMs);
      idle.push(send);
    };
    const connection = await openLoadConnection({ ...load, answered, failed });
    connections.push(connection);
    idle.push(send);
  }

  try {
    const opened = await Promise.allSettled(Array.from({ length: load.connections }, connect));
    for (const one of opened) if (one.status === 'rejected') throw one.reason;
    const startMs = clock();
    const endMs = startMs + load.seconds * 1000;
    const pacer = createPacer({ ...load, startMs });
    let nowMs = startMs;
    for (; !pacer.isOver(nowMs) || idle.length < load.connections; nowMs = clock()) {
      if (failure !== undefined) throw failure;
      for (let due; idle.length > 0 && (due = pacer.take(nowMs)) !== undefined;) idle.shift()?.(due);
      if (nowMs > endMs + patienceMs) throw new Error('did not answer all requests');
      await nextTurn();
    }
    const bytes = connections.reduce((sum, connection) => sum + connection.bytes(), 0);
    const seconds = (nowMs - startMs) / 1000;
    tookMs.sort((a, b) => a - b);
    return { requests: tookMs.length, bytes, seconds, p99Ms: percentile(tookMs, 0.99), latePart: pacer.latePart() };
  } finally {
    for (const connection of connections) connection.close();
  }
}
