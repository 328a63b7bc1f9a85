// Server-sent events: while a client listens, the feed reads all sources once a second, once for all clients. A slow client
// misses some events, and is disconnected after a while.
import { PassThrough, type Readable } from 'node:stream';
import type { Unavailable } from '@cistern/operations/api';
import { explain, type FaultLog } from '../http/answer.ts';

export interface EventFeed {
  /** Returns the events from now on, or `undefined` if there are too many listeners. The reader ends the stream by closing it. */
  listen(): Readable | undefined;
  /** Ends all streams, and rejects new listeners. */
  close(): void;
}

export interface EventFeedOptions {
  /** The functions that read the sources, by the name of the event. */
  readonly sources: Readonly<Record<string, () => Promise<object>>>;
  readonly log: FaultLog;
  readonly everyMs?: number;
  readonly maxListeners?: number;
}

interface Listener {
  readonly stream: PassThrough;
  /** The number of events in a row that the client did not read. */
  missed: number;
}

const mostMissed = 30;
/** The time after which a browser reconnects. */
const retryMs = 2_000;

export function createEventFeed({ sources, log, everyMs = 1_000, maxListeners = 64 }: EventFeedOptions): EventFeed {
  const listeners = new Set<Listener>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function sendAll(): Promise<void> {
    const events = await Promise.all(Object.entries(sources).map(async ([name, read]) => eventOf(name, read, log)));
    const text = events.join('');
    for (const listener of listeners) send(listener, text);
    schedule();
  }

  function send(listener: Listener, text: string): void {
    const { stream } = listener;
    if (!stream.writableNeedDrain) {
      listener.missed = 0;
      stream.write(text);
      return;
    }
    listener.missed += 1;
    if (listener.missed >= mostMissed) stream.destroy();
  }

  function schedule(): void {
    timer = listeners.size === 0 || isClosed ? undefined : setTimeout(() => void sendAll(), everyMs);
  }

  return {
    listen() {
      if (isClosed || listeners.size >= maxListeners) return undefined;
      const stream = new PassThrough({ highWaterMark: 256 * 1024 });
      const listener = { stream, missed: 0 };
      listeners.add(listener);
      stream.on('error', () => {});
      stream.on('close', () => listeners.delete(listener));
      stream.write(`retry: ${retryMs}\n\n`);
      if (timer === undefined) timer = setTimeout(() => void sendAll(), 0);
      return stream;
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      for (const { stream } of listeners) stream.end();
    },
  };
}

/** An event `unavailable` replaces the event of a source that fails. */
async function eventOf(name: string, read: () => Promise<object>, log: FaultLog): Promise<string> {
  try {
    return `event: ${name}\ndata: ${JSON.stringify(await read())}\n\n`;
  } catch (error) {
    const unavailable: Unavailable = { event: name, message: explain(error, log) };
    return `event: unavailable\ndata: ${JSON.stringify(unavailable)}\n\n`;
  }
}
