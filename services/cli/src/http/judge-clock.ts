// Compares the clock of this machine with that of a server.

/**
 * The tolerated difference between the clocks. It is the tolerance for tokens of other issuers. The `Date` header (RFC
 * 9110) has whole seconds, which is precise enough.
 */
const toleranceMs = 60_000;

/**
 * Compares the `Date` header of a response with this machine's clock. Returns the difference in milliseconds, which is
 * positive if the server is ahead, or `undefined` for a missing or invalid header.
 */
export function clockDifferenceMs(date: string | undefined, nowMs: number): number | undefined {
  const thereMs = Date.parse(date ?? '');
  return Number.isNaN(thereMs) ? undefined : thereMs - nowMs;
}

/** Returns for example `5 minutes ahead of this machine`, or `undefined` for a tolerated difference. */
export function describeDifference(differenceMs: number): string | undefined {
  if (Math.abs(differenceMs) <= toleranceMs) return undefined;
  const minutes = Math.round(Math.abs(differenceMs) / 60_000);
  return `${minutes} minutes ${differenceMs > 0 ? 'ahead of' : 'behind'} this machine`;
}
