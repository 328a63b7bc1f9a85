/** Starts `run`, which ends when its signal fires. `close` resolves once it does nothing any more. */
export function runUntilClosed(run: (signal: AbortSignal) => Promise<unknown>): { close(): Promise<void> } {
  const closing = new AbortController();
  const running = run(closing.signal);
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}
