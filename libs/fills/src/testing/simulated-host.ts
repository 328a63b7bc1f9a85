// Simulates a host that limits its connections or their sum, for tests. Its fills fetch as a ConnectionControl allows. Runs on
// virtual time, in steps of 20 ms.
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionControl, FillConnections } from '../fetch/connection-control.ts';

export interface HostLimits {
  /** Bytes per second of each connection. Unset means no limit. */
  perConnection?: number;
  /** Bytes per second of all connections together. Unset means no limit. */
  sum?: number;
  /** The rate of a connection changes every 100 ms by up to this share of itself. */
  jitter?: number;
  /** A new connection sends 140 KB in its first round trip, and twice as much in each following one. Default 50. */
  roundTripMs?: number;
  /** Chance per second that the host halves its rate for a second. */
  lossChance?: number;
  /** The most connections at a time. Further ones get a 429. */
  maxConnections?: number;
}

export interface SimulatedFill {
  readonly size: number;
  readonly beginsAtMs?: number;
  readonly max?: number;
  readonly mayProbe?: () => boolean;
  /** Bytes per second that its readers take. Unset means no limit. */
  readonly readers?: number;
}

export interface FillCourse {
  readonly tookMs: number;
  /** Changes of `allowed`, with the time since the fill began. */
  readonly changes: readonly { readonly atMs: number; readonly allowed: number }[];
  readonly gets: number;
}

interface Connection {
  /** The time at which its socket was opened. Earlier requests may have warmed it up. */
  openedAtMs: number;
  answersAtMs: number;
  left: number;
  factor: number;
}

const stepMs = 20;
const firstWindowBytes = 140_000;
const rangeBytes = 64 * 1024 * 1024;

export function simulateHost(control: ConnectionControl, limits: HostLimits, random: () => number) {
  const connections = new Set<Connection>();
  let half = false;
  /** One value per second, the same for any number of connections. */
  const losses = Array.from({ length: 1_000 }, () => random() < (limits.lossChance ?? 0));
  let steps = 0;

  function rateOf({ openedAtMs, answersAtMs, factor }: Connection, now: number): number {
    if (now < answersAtMs) return 0;
    const { perConnection = Number.POSITIVE_INFINITY, roundTripMs = 50 } = limits;
    const trips = Math.min(30, (now - openedAtMs) / roundTripMs);
    const slowStart = (firstWindowBytes * 2 ** trips * 1000) / roundTripMs;
    return Math.min(perConnection * factor, slowStart) * (half ? 0.5 : 1);
  }

  /** Bytes of this step for each connection. */
  function give(now: number): Map<Connection, number> {
    steps += 1;
    const { jitter = 0, sum = Number.POSITIVE_INFINITY } = limits;
    if (steps % 5 === 0) for (const one of connections) one.factor = 1 + jitter * (2 * random() - 1);
    if (steps % 50 === 0) half = losses[(steps / 50) % losses.length] === true;
    const wanted = [...connections].map((one) => [one, rateOf(one, now)] as const);
    const all = wanted.reduce((total, [, rate]) => total + rate, 0);
    const part = Math.min(1, (sum * (half ? 0.5 : 1)) / all);
    return new Map(wanted.map(([one, rate]) => [one, (rate * part * stepMs) / 1000]));
  }

  async function run(fills: readonly SimulatedFill[], forMs = Number.POSITIVE_INFINITY): Promise<FillCourse[]> {
    const beganAtMs = performance.now();
    const running = fills.map((fill) => createRun(control, connections, limits, fill));
    while (running.some(({ course }) => course() === undefined)) {
      const now = performance.now() - beganAtMs;
      if (now >= forMs) break;
      const given = give(performance.now());
      for (const one of running) one.step(now, given);
      await delay(stepMs);
    }
    return running.map(({ course, leave }) => course() ?? leave(performance.now() - beganAtMs));
  }
  return { run, limits };
}

function createRun(
  control: ConnectionControl,
  all: Set<Connection>,
  limits: HostLimits,
  { size, beginsAtMs = 0, max = 4, mayProbe = () => true, readers = Number.POSITIVE_INFINITY }: SimulatedFill,
) {
  const own = new Set<Connection>();
  const idle: Connection[] = [];
  const changes: { atMs: number; allowed: number }[] = [];
  let connections: FillConnections | undefined;
  let release: (() => void) | undefined;
  let [unrequested, missing, buffered, gets, refusedAtMs] = [size, size, 0, 0, Number.NEGATIVE_INFINITY];
  let done: FillCourse | undefined;

  function open(at: FillConnections, now: number): void {
    while (own.size < at.allowed && unrequested > 0) {
      if (own.size > 0 && all.size >= (limits.maxConnections ?? Number.POSITIVE_INFINITY)) {
        if (now - refusedAtMs < 1000) return;
        refusedAtMs = now;
        gets += 1;
        return at.refused('host');
      }
      const left = Math.min(unrequested, at.isOnTrial && own.size === at.allowed - 1 ? rangeBytes / 4 : rangeBytes);
      unrequested -= left;
      gets += 1;
      const answersAtMs = performance.now() + (limits.roundTripMs ?? 50);
      const one = { openedAtMs: answersAtMs, factor: 1, ...idle.pop(), answersAtMs, left };
      own.add(one);
      all.add(one);
      at.opened(own.size);
    }
  }

  function take(at: FillConnections, given: ReadonlyMap<Connection, number>): void {
    for (const one of own) {
      const bytes = Math.min(one.left, given.get(one) ?? 0);
      one.left -= bytes;
      missing -= bytes;
      buffered += bytes;
      at.received(bytes);
      if (one.left > 0) continue;
      own.delete(one);
      all.delete(one);
      idle.push(one);
      at.opened(own.size);
    }
  }

  function leave(now: number): FillCourse {
    for (const one of own) all.delete(one);
    connections?.leave();
    done = { tookMs: now - beginsAtMs, changes, gets };
    return done;
  }

  return {
    course: () => done,
    leave,
    step(now: number, given: ReadonlyMap<Connection, number>) {
      if (done !== undefined || now < beginsAtMs) return;
      connections ??= control.enter('cdn', { max, mayProbe });
      buffered = Math.max(0, buffered - (readers * stepMs) / 1000);
      const isFull = buffered > 1_000_000;
      if (isFull) release ??= connections.blocked();
      else {
        release?.();
        release = undefined;
        take(connections, given);
        open(connections, now);
      }
      const { allowed } = connections;
      if (changes.at(-1)?.allowed !== allowed) changes.push({ atMs: Math.round(now - beginsAtMs), allowed });
      if (missing < 1) leave(now);
    },
  };
}
