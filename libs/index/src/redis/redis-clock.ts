// The clock of Redis, derived from this process's monotonic clock and an offset. All processes stamp and compare by it,
// so the clocks of their machines do not matter (decision 0060).

export type RedisClock = ReturnType<typeof createRedisClock>;

export function createRedisClock() {
  let offsetMs: number | undefined;

  return {
    /** Returns milliseconds since the epoch. Until the first response of Redis, it uses this machine's clock. */
    // real-time: Redis sends its first time while the index opens
    now: (): number => Math.floor(offsetMs === undefined ? Date.now() : performance.now() + offsetMs),
    /**
     * Records that Redis read `serverMs` from its clock, in whole milliseconds, between the two readings of
     * `performance.now`. A slow response is imprecise, so the offset moves only as far as necessary.
     */
    record(serverMs: number, sentAtMs: number, receivedAtMs: number): void {
      const [least, most] = [serverMs - receivedAtMs, serverMs + 1 - sentAtMs];
      offsetMs = Math.min(most, Math.max(least, offsetMs ?? (least + most) / 2));
    },
    /** Runs `call`, which resolves to the time of Redis, and updates the clock. */
    async sync(call: () => Promise<unknown>): Promise<void> {
      const sentAtMs = performance.now();
      const serverMs = Number(await call());
      this.record(serverMs, sentAtMs, performance.now());
    },
  };
}
