// Simulates a process of a test cluster. All calls of the process go through here, so that it can be frozen, killed, or held at
// a named step. Calls of a killed process never return, and its new calls have no effect.

export interface SimulatedProcess {
  readonly name: string;
  readonly state: 'running' | 'frozen' | 'killed';
  freeze(): void;
  wake(): void;
  kill(): void;
  /** Calls the listener immediately if the process was already killed. The returned function removes the listener. */
  onKilled(listener: () => void): () => void;
  /**
   * Holds the process the next time it reaches a step: before a call, such as `fills.claim`, or after it, such as `fills.claim
   * done`. The call that reaches the step waits for `release`.
   */
  hold(step: string): HeldStep;
  /** Resolves when the process is allowed to continue. For a killed process it rejects at the end of the test. */
  pass(step?: string): Promise<void>;
  /** Ends the pending calls of a killed process. */
  end(): void;
}

interface HeldStep {
  readonly reached: Promise<void>;
  release(): void;
}

export function createSimulatedProcess(name: string): SimulatedProcess {
  let state: SimulatedProcess['state'] = 'running';
  let awake = Promise.withResolvers<void>();
  awake.resolve();
  const over = Promise.withResolvers<never>();
  over.promise.catch(() => {});
  const listeners = new Set<() => void>();
  const held = new Map<string, { reached: () => void; released: Promise<void> }>();

  return {
    name,
    get state() {
      return state;
    },
    freeze() {
      if (state !== 'running') return;
      state = 'frozen';
      awake = Promise.withResolvers();
    },
    wake() {
      if (state !== 'frozen') return;
      state = 'running';
      awake.resolve();
    },
    kill() {
      state = 'killed';
      awake = Promise.withResolvers();
      for (const listener of listeners) listener();
      listeners.clear();
    },
    onKilled(listener) {
      if (state === 'killed') listener();
      else listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    hold(step) {
      const reached = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      held.set(step, { reached: reached.resolve, released: released.promise });
      return { reached: reached.promise, release: released.resolve };
    },
    async pass(step = '') {
      const stop = held.get(step);
      if (stop !== undefined) {
        held.delete(step);
        stop.reached();
        await Promise.race([stop.released, over.promise]);
      }
      while (state !== 'running') await Promise.race([awake.promise, over.promise]);
    },
    end: () => over.reject(new Error(`the simulated process ${name} has ended`)),
  };
}

/** Functions that return async iterables. */
const walks: ReadonlySet<string> = new Set(['leastRecent', 'list', 'listObjects', 'shards']);

/**
 * Wraps `part` for the process. All functions of the part must be asynchronous, or return async iterables. The name of a step
 * is `path` and the function's name. Functions of returned objects have steps too, such as `store.beginUpload.complete`.
 */
export function throughProcess<T extends object>(part: T, process: SimulatedProcess, path = ''): T {
  return new Proxy(part, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof key !== 'string') return value;
      const step = path === '' ? key : `${path}.${key}`;
      if (value instanceof Map) return value;
      if (typeof value === 'object' && value !== null) return throughProcess(value, process, step);
      if (typeof value !== 'function') return value;
      if (walks.has(key))
        return async function* (...given: unknown[]) {
          await process.pass(step);
          for await (const item of Reflect.apply(value, target, given) as AsyncIterable<unknown>) {
            yield item;
            await process.pass();
          }
        };
      return async (...given: unknown[]) => {
        await process.pass(step);
        try {
          const result: unknown = await Reflect.apply(value, target, given);
          await process.pass(`${step} done`);
          return hasFunctions(result) ? throughProcess(result, process, step) : result;
        } catch (error) {
          await process.pass();
          throw error;
        }
      };
    },
  });
}

function hasFunctions(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  return Object.values(value).some((member) => typeof member === 'function');
}
