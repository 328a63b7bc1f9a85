// Node's timers on virtual time: globals, `node:timers` and `node:timers/promises`.
import { promisify } from 'node:util';
import { type PlannedEvent, cancel, inContext, planBound, setKeepsAlive } from './schedule.ts';
import { real } from './real.ts';

type Callback = (...given: unknown[]) => void;

const longestMs = 2 ** 31 - 1;
/** Virtual time that a turn of the event loop takes, so that code that polls turn by turn makes progress. */
const turnMs = 0.005;

/** The return value of `setTimeout` and similar functions. It is a class because it is one in Node. */
class Timer {
  readonly #delayMs: number;
  readonly #repeats: boolean;
  readonly #run: () => void;
  readonly #label: string;
  #event: PlannedEvent;

  constructor(label: string, delayMs: number, repeats: boolean, callback: Callback, given: readonly unknown[]) {
    if (typeof callback !== 'function') throw new TypeError('The "callback" argument must be of type function.');
    this.#label = label;
    this.#delayMs = delayMs;
    this.#repeats = repeats;
    this.#run = inContext(() => {
      if (this.#repeats) this.#plan();
      Reflect.apply(callback, this, given);
    });
    this.#event = this.#planned(true);
  }

  ref(): this {
    setKeepsAlive(this.#event, true);
    return this;
  }

  unref(): this {
    setKeepsAlive(this.#event, false);
    return this;
  }

  hasRef(): boolean {
    return this.#event.keepsAlive;
  }

  refresh(): this {
    this.#plan();
    return this;
  }

  close(): this {
    cancel(this.#event);
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.toPrimitive](): number {
    return this.#event.order;
  }

  #plan(): void {
    cancel(this.#event);
    this.#event = this.#planned(this.#event.keepsAlive);
  }

  #planned(keepsAlive: boolean): PlannedEvent {
    return planBound(this.#delayMs, this.#run, { label: this.#label, keepsAlive });
  }
}

export type { Timer };

export function setTimer(label: string, delayMs: number, callback: () => void): Timer {
  return new Timer(label, delayMs, false, callback, []);
}

const timeout = (callback: Callback, delayMs?: number, ...given: unknown[]) =>
  new Timer('timeout', nodeDelay(delayMs), false, callback, given);
const interval = (callback: Callback, delayMs?: number, ...given: unknown[]) =>
  new Timer('interval', nodeDelay(delayMs), true, callback, given);
const immediate = (callback: Callback, ...given: unknown[]) => new Timer('immediate', turnMs, false, callback, given);

/** Clears a timer. A timer that was created before the world started belongs to Node. */
function clear(timer: unknown): void {
  if (timer instanceof Timer) timer.close();
  else real.clearTimeout(timer as NodeJS.Timeout);
}

/** Returns the delay that Node would use. A delay below 1 ms or above 2³¹ - 1 ms means 1 ms. */
function nodeDelay(delayMs: unknown): number {
  const given = Math.trunc(Number(delayMs));
  return given >= 1 && given <= longestMs ? given : 1;
}

interface WaitOptions {
  readonly signal?: AbortSignal;
  readonly ref?: boolean;
}

function wait<T>(create: (done: () => void) => Timer, value: T, { signal, ref = true }: WaitOptions = {}): Promise<T> {
  if (signal?.aborted === true) return Promise.reject(abortError(signal));
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const onAbort = () => {
    timer.close();
    reject(abortError(signal!));
  };
  const timer = create(() => {
    signal?.removeEventListener('abort', onAbort);
    resolve(value);
  });
  if (!ref) timer.unref();
  signal?.addEventListener('abort', onAbort, { once: true });
  return promise;
}

function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}

const timeoutPromise = <T>(delayMs?: number, value?: T, options?: WaitOptions) =>
  wait((done) => timeout(done, delayMs), value, options);
const immediatePromise = <T>(value?: T, options?: WaitOptions) => wait((done) => immediate(done), value, options);

async function* intervalPromise<T>(delayMs?: number, value?: T, options?: WaitOptions) {
  for (;;) {
    await timeoutPromise(delayMs, undefined, options);
    yield value;
  }
}

export const timerFunctions = {
  setTimeout: Object.assign(timeout, { [promisify.custom]: timeoutPromise }),
  clearTimeout: clear,
  setInterval: interval,
  clearInterval: clear,
  setImmediate: Object.assign(immediate, { [promisify.custom]: immediatePromise }),
  clearImmediate: clear,
};

export const timerPromises = {
  setTimeout: timeoutPromise,
  setImmediate: immediatePromise,
  setInterval: intervalPromise,
  scheduler: { wait: (delayMs: number, options?: WaitOptions) => timeoutPromise(delayMs, undefined, options) },
};

/** Implements `AbortSignal.timeout`, which does not keep a process alive. */
export function timeoutSignal(delayMs: number): AbortSignal {
  const controller = new AbortController();
  const timer = timeout(() => {
    controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
  }, delayMs);
  timer.unref();
  return controller.signal;
}
