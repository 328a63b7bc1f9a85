// The clock of Redis, computed from this process's monotonic clock and an offset. All processes use it for times that
// they compare, so the clocks of their machines do not matter (decision 0060).

export type RedisClock = ReturnType<typeof createRedisClock>;

export function createRedisClock() {
  let offsetMs: number | undefined;

  return {
    /** Returns milliseconds since 1970. Uses this machine's clock until Redis has sent its time. */
    // real-time: Redis sends its first time while the index opens
    now: (): number => Math.floor(offsetMs === undefined ? Date.now() : performance.now() + offsetMs),
    /**
     * Records that the clock of Redis showed `serverMs`, in whole milliseconds, between two readings of
     * `performance.now`. Changes the offset only as far as this reading requires, because a slow response is not
     * precise.
     */
    record(serverMs: number, sentAtMs: number, receivedAtMs: number): void {
      const [least, most] = [serverMs - receivedAtMs, serverMs + 1 - sentAtMs];
      offsetMs = Math.min(most, Math.max(least, offsetMs ?? (least + most) / 2));
    },
    /** Runs `call`, which must resolve to the time of Redis, and updates the clock. */
    async sync(call: () => Promise<unknown>): Promise<void> {
      const sentAtMs = performance.now();
      const serverMs = Number(await call());
      if (!Number.isFinite(serverMs)) throw new TypeError(`Redis answered ${serverMs} instead of its time.`);
      this.record(serverMs, sentAtMs, performance.now());
    },
  };
}
