// How long something takes, not counting that the machine stood still or gave this process no time meanwhile: for what
// has to fail at once, and not after a time limit.

const tickMs = 10;
const mostPerTickMs = 50;

/** Milliseconds until `action` has settled, of those in which this process ran. Rejects as `action` does. */
export async function awakeMs(action: () => Promise<unknown>): Promise<number> {
  let awake = 0;
  let lastMs = performance.now();
  const tick = (): void => {
    const nowMs = performance.now();
    awake += Math.min(nowMs - lastMs, mostPerTickMs);
    lastMs = nowMs;
  };
  const timer = setInterval(tick, tickMs);
  try {
    await action();
    tick();
    return awake;
  } finally {
    clearInterval(timer);
  }
}
