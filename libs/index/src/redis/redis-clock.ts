// The clock of Redis, as this process knows it: its own monotonic clock, and what that of Redis is ahead of it. Every process
// stamps and compares by it, so what their machines take for the time does not matter (decision 0060).

export type RedisClock = ReturnType<typeof createRedisClock>;

export function createRedisClock() {
  let offsetMs: number | undefined;

  return {
    /** Milliseconds since the epoch. Until Redis has said something: by this machine. */
    // real-time: the first word of Redis comes as the index is opened
    now: (): number => Math.floor(offsetMs === undefined ? Date.now() : performance.now() + offsetMs),
    /**
     * Redis read `serverMs` off its clock, in whole milliseconds, at some time between the two readings of `performance.now`. An
     * answer that took long says little, and moves the clock only as far as it must.
     */
    heard(serverMs: number, sentAtMs: number, receivedAtMs: number): void {
      const [least, most] = [serverMs - receivedAtMs, serverMs + 1 - sentAtMs];
      offsetMs = Math.min(most, Math.max(least, offsetMs ?? (least + most) / 2));
    },
    /** Hears from `call`, which resolves to the time of Redis. */
    async hear(call: () => Promise<unknown>): Promise<void> {
      const sentAtMs = performance.now();
      const serverMs = Number(await call());
      this.heard(serverMs, sentAtMs, performance.now());
    },
  };
}
