// real-time: measures how long a user waits; no test asserts on it

// A stopwatch for the reports of tests.

/** Returns a function that returns the time since this call, for example `41 s`. */
export function startStopwatch(): () => string {
  const startedAtMs = performance.now();
  return () => `${Math.round((performance.now() - startedAtMs) / 1000)} s`;
}
