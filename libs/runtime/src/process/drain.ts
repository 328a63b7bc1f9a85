// The end of a listener that still has requests in flight.
import { setTimeout as delay } from 'node:timers/promises';
import type { HttpApp } from './listen.ts';

const idleSweepMs = 100;

/**
 * Takes no new connections and lets requests in flight end; after `graceMs` destroys what is left. Resolves, with the
 * number of requests cut off, when no connection is open any more.
 */
export async function drain(app: HttpApp, graceMs: number): Promise<number> {
  const { server } = app;
  const done = new AbortController();
  const closed = app.close().finally(() => done.abort());
  const deadline = performance.now() + graceMs;
  let cutOff = 0;
  while (!done.signal.aborted) {
    if (performance.now() >= deadline) {
      cutOff = await countConnections(server);
      server.closeAllConnections();
      break;
    }
    // A connection whose answer began before the end was asked for stays open for a next request otherwise.
    server.closeIdleConnections();
    const waitMs = Math.min(idleSweepMs, Math.max(deadline - performance.now(), 0));
    await delay(waitMs, undefined, { signal: done.signal }).catch(() => {});
  }
  await closed;
  return cutOff;
}

function countConnections(server: HttpApp['server']): Promise<number> {
  return new Promise((resolve) => server.getConnections((error, count) => resolve(error === null ? count : 0)));
}
