// Parses durations in the notation of Go into milliseconds, and sizes with units into bytes.

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const durationPattern = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h))+$/;
const durationPart = /(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h)/g;

/**
 * Parses `1h30m`, `168h`, `500ms` or `0` into whole milliseconds. A number without a unit means nanoseconds, as in
 * registry:2. Such a number below a millisecond is rejected, because it is probably a mistake. Throws an Error whose
 * message is shown after the key.
 */
export function parseDuration(text: string): number {
  if (text === '0') return 0;
  if (/^\d+$/.test(text) && Number(text) >= 1e6) return Math.round(Number(text) / 1e6);
  if (!durationPattern.test(text))
    throw new Error(`"${text}" is not a duration: write a number with a unit, for example 500ms, 30s, 5m or 1h30m`);
  let totalMs = 0;
  for (const [, amount, unit = ''] of text.matchAll(durationPart)) totalMs += Number(amount) * (unitMs[unit] ?? 0);
  if (!Number.isSafeInteger(Math.ceil(totalMs))) throw new Error(`"${text}" is too long: write a shorter duration`);
  return Math.round(totalMs);
}

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/** Parses `20GiB`, `500MB` or `1048576` into bytes. Throws an Error whose message is shown after the key. */
export function parseSize(text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text) ?? [];
  const factor = unitBytes[unit.toLowerCase()];
  const bytes = Math.round(Number(amount) * (factor ?? Number.NaN));
  if (!Number.isSafeInteger(bytes))
    throw new Error(`"${text}" is not a size: write bytes or a number with KiB, MiB, GiB, TiB, KB, MB, GB or TB`);
  return bytes;
}
