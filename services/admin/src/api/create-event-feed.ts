// Server-sent events. While at least one client listens, the feed reads all sources once a second, and sends the results to all
// clients. A client that reads too slowly misses some events, and is disconnected after a while.
import { PassThrough, type Readable } from 'node:stream';
import type { Unavailable } from '@cistern/operations/api';
import { explain, type FaultLog } from '../http/answer.ts';

export interface EventFeed {
  /**
   * Returns a stream of the events from now on. Returns `undefined` if there are too many listeners, or if the feed is closed.
   * The caller closes the stream.
   */
  listen(): Readable | undefined;
  /** Ends all streams, and rejects new listeners. */
  close(): void;
}

export interface EventFeedOptions {
  /** The functions that read the sources. Each key is the name of the source's event. */
  readonly sources: Readonly<Record<string, () => Promise<object>>>;
  readonly log: FaultLog;
  readonly everyMs?: number;
  readonly maxListeners?: number;
}

interface Listener {
  readonly stream: PassThrough;
  /** The number of successive times at which nothing was sent, because the client had not read enough. */
  missed: number;
}

const mostMissed = 30;
/** The time after which a browser connects again. */
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

/** Resolves to the event of a source as text. If the source fails, the event is `unavailable`. */
async function eventOf(name: string, read: () => Promise<object>, log: FaultLog): Promise<string> {
  try {
    return `event: ${name}\ndata: ${JSON.stringify(await read())}\n\n`;
  } catch (error) {
    const unavailable: Unavailable = { event: name, message: explain(error, log) };
    return `event: unavailable\ndata: ${JSON.stringify(unavailable)}\n\n`;
  }
}
