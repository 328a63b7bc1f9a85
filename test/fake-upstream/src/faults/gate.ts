// Releases body bytes only as the test allows. A statement such as "the client has its first byte before the upstream
// has sent 2 MB" then needs no clock.

export interface Gate {
  /** Releases this many more body bytes, counted over all responses that this gate holds. */
  allow(bytes: number): void;
  /** Releases all bytes from now on. */
  release(): void;
  /** Returns the number of body bytes released so far. */
  passed(): number;
  /** Resolves when a response waits at the closed gate, for its headers or for its next bytes. */
  blocked(): Promise<void>;
}

export interface GateKeeper extends Gate {
  /** Waits for permission and returns how many bytes may be sent, at least 1 and at most `wanted`. */
  take(wanted: number, signal: AbortSignal): Promise<number>;
  /** Waits until any bytes have been allowed. */
  opened(signal: AbortSignal): Promise<void>;
}

function wake(waiting: Set<() => void>): void {
  for (const resolve of waiting) resolve();
  waiting.clear();
}

/** Creates a closed gate for `Fault.gate`. One gate may hold several responses. */
export function createGate(): GateKeeper {
  const bytes = { allowed: 0, passed: 0 };
  const held = new Set<() => void>();
  const watchers = new Set<() => void>();

  async function hold(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    held.add(resolve);
    wake(watchers);
    try {
      await promise;
    } finally {
      held.delete(resolve);
      signal.removeEventListener('abort', abort);
    }
  }

  return {
    allow(more) {
      bytes.allowed += more;
      wake(held);
    },
    release() {
      bytes.allowed = Number.POSITIVE_INFINITY;
      wake(held);
    },
    passed: () => bytes.passed,
    blocked: () => (held.size > 0 ? Promise.resolve() : new Promise((resolve) => void watchers.add(resolve))),
    async take(wanted, signal) {
      while (bytes.allowed <= bytes.passed) await hold(signal);
      const taken = Math.min(wanted, bytes.allowed - bytes.passed);
      bytes.passed += taken;
      return taken;
    },
    async opened(signal) {
      while (bytes.allowed === 0) await hold(signal);
    },
  };
}
