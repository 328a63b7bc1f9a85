// Virtual time: one heap of events. Between two events all promises settle, then time jumps to the next event.
import { AsyncResource } from 'node:async_hooks';
import { createEventHeap } from './event-heap.ts';
import { type Owner, currentOwner, runAs } from './owner.ts';

export interface PlannedEvent {
  atMs: number;
  order: number;
  readonly label: string;
  readonly owner: Owner | undefined;
  readonly run: () => void;
  state: 'planned' | 'ran' | 'cancelled';
  /** True if the process would wait for the event, as for a timer that is not `unref`ed. */
  keepsAlive: boolean;
}

export interface PlanOptions {
  readonly label?: string;
  /** Default: the owner of the code that plans it. */
  readonly owner?: Owner | undefined;
  /** Default: true. */
  readonly keepsAlive?: boolean;
}

const clockReadMs = 0.001;

const heap = createEventHeap<PlannedEvent>();
const state = { nowMs: 0, order: 0, ran: 0, hash: 0, keptAlive: 0, sockets: 0 };
const listeners: {
  /** Called before each event, for traces and for faults at a certain event. */
  onEvent?: ((event: PlannedEvent) => void) | undefined;
  /** Called when an event is planned or begins to keep the process alive. A waiting driver uses it to continue. */
  onPlanned?: (() => void) | undefined;
} = {};

export const schedule = {
  listeners,
  /** Virtual milliseconds since the world began. */
  get nowMs() {
    return state.nowMs;
  },
  /** Number of events that ran. */
  get ran() {
    return state.ran;
  },
  /** A hash over the order, time and label of all events that ran. Equal hashes mean equal runs. */
  get hash() {
    return state.hash >>> 0;
  },
  /** Number of events, sockets and servers that a process would wait for. */
  get keptAlive() {
    return state.keptAlive;
  },
  /**
   * Number of events and servers that a process would wait for. Sockets do not count, because a process that ends
   * normally closes them.
   */
  get unfinished() {
    return state.keptAlive - state.sockets;
  },
  /** The time of the next event. Undefined means that none is planned. */
  get nextAtMs() {
    while (heap.peek()?.state === 'cancelled') heap.pop();
    return heap.peek()?.atMs;
  },
};

/**
 * Runs `work` after `delayMs` (0 and fractions are exact), in the asynchronous context of the caller. With `owner`, it
 * runs as that owner's code.
 */
export function plan(delayMs: number, work: () => void, options?: PlanOptions): PlannedEvent {
  if (options === undefined || !('owner' in options)) return planBound(delayMs, inContext(work), options);
  return planBound(
    delayMs,
    runAs(options.owner, () => inContext(work)),
    options,
  );
}

/** Like `AsyncLocalStorage.bind`, for functions without arguments. `bind` takes longer than most events. */
export function inContext(work: () => void): () => void {
  const resource = new AsyncResource('event');
  return () => resource.runInAsyncScope(work);
}

/** Like `plan`, for a function that already has its context. */
export function planBound(delayMs: number, run: () => void, options: PlanOptions = {}): PlannedEvent {
  const { label = '', keepsAlive = true } = options;
  const owner = 'owner' in options ? options.owner : currentOwner();
  const event: PlannedEvent = { atMs: 0, order: 0, label, owner, run, state: 'planned', keepsAlive };
  if (keepsAlive) state.keptAlive += 1;
  enqueue(event, delayMs);
  return event;
}

export function cancel(event: PlannedEvent): void {
  if (event.state !== 'planned') return;
  event.state = 'cancelled';
  if (event.keepsAlive) state.keptAlive -= 1;
}

/** Reads the clock. Each read takes a microsecond, so that a loop that only reads the clock ends. */
export function readClock(): number {
  state.nowMs += clockReadMs;
  return state.nowMs;
}

/** Like `ref` and `unref` of a timer. */
export function setKeepsAlive(event: PlannedEvent, keepsAlive: boolean): void {
  if (event.state === 'planned' && event.keepsAlive !== keepsAlive) state.keptAlive += keepsAlive ? 1 : -1;
  event.keepsAlive = keepsAlive;
  listeners.onPlanned?.();
}

/** Keeps the process alive until the returned function is called. */
export function keepAlive(kind: 'socket' | 'server'): () => void {
  let isOpen = true;
  state.keptAlive += 1;
  if (kind === 'socket') state.sockets += 1;
  return () => {
    if (!isOpen) return;
    isOpen = false;
    state.keptAlive -= 1;
    if (kind === 'socket') state.sockets -= 1;
  };
}

/** Moves time to the next event and runs it. Returns false if none is planned. */
export function step(): boolean {
  for (;;) {
    if (schedule.nextAtMs === undefined) return false;
    const event = heap.pop()!;
    const { owner } = event;
    if (owner?.state === 'dead') {
      cancel(event);
      continue;
    }
    state.nowMs = Math.max(state.nowMs, event.atMs);
    if (owner?.state === 'frozen') {
      owner.held.push(event);
      continue;
    }
    happen(event);
    return true;
  }
}

/** Makes the events due that were held while their owner was frozen. */
export function release(owner: Owner): void {
  for (const event of owner.held.splice(0)) if (event.state === 'planned') enqueue(event, 0);
}

/** Returns the labels of the events that a process would wait for at its end, such as timers. */
export function plannedBy(owner: Owner): string[] {
  const own = [...heap.items(), ...owner.held].filter((event) => event.owner === owner && event.state === 'planned');
  return own
    .filter(({ keepsAlive }) => keepsAlive)
    .map(({ label, atMs }) => `${label} (${(atMs - state.nowMs).toFixed(0)} ms)`);
}

/** Starts a new world: no event, time 0. */
export function resetSchedule(seed: number): void {
  for (let event = heap.pop(); event !== undefined; event = heap.pop()) cancel(event);
  Object.assign(state, { nowMs: 0, order: 0, ran: 0, hash: seed, keptAlive: 0, sockets: 0 });
}

function enqueue(event: PlannedEvent, delayMs: number): void {
  event.atMs = state.nowMs + Math.max(0, delayMs);
  event.order = state.order;
  state.order += 1;
  heap.push(event);
  listeners.onPlanned?.();
}

function happen(event: PlannedEvent): void {
  event.state = 'ran';
  if (event.keepsAlive) state.keptAlive -= 1;
  state.ran += 1;
  state.hash = Math.imul(state.hash ^ event.order, 16_777_619) ^ Math.imul(Math.floor(event.atMs * 1000), 97);
  for (let i = 0; i < event.label.length; i += 1)
    state.hash = Math.imul(state.hash ^ event.label.charCodeAt(i), 16_777_619);
  listeners.onEvent?.(event);
  event.run();
}
