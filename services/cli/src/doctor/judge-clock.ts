// Whether the clocks here and at the cache agree, by the `Date` of an answer: certificates and tokens depend on it.

/** Of RFC 9110 the date has whole seconds; tokens bear a minute. */
const toleranceMs = 60_000;

/** Throws an error that says how far they are apart. `date`: as in an answer. */
export function judgeClock(date: string | undefined, nowMs = Date.now()): string {
  const thereMs = Date.parse(date ?? '');
  if (Number.isNaN(thereMs)) return 'the cache tells no time';
  const apartMs = Math.abs(nowMs - thereMs);
  if (apartMs <= toleranceMs) return 'as here';
  const apart = `${Math.round(apartMs / 60_000)} minutes ${thereMs > nowMs ? 'ahead of' : 'behind'} this machine`;
  throw new Error(
    `the cache is ${apart}: set both by NTP, else tokens and certificates seem to be over or not to begin`,
  );
}
