// How long something is good, as people say it.
import { CommandError } from './command-error.ts';

const unitMs = { m: 60_000, h: 3_600_000, d: 24 * 3_600_000 } as const;
const maxDays = 3650;

/** `90d`, `12h`, `30m` in milliseconds; `Infinity` for `never`. Throws `CommandError`. */
export function parseLifetime(text: string): number {
  if (text === 'never') return Infinity;
  const [, amount, unit] = /^(\d{1,7})([mhd])$/.exec(text) ?? [];
  const lifetimeMs = Number(amount) * (unitMs[unit as keyof typeof unitMs] ?? Number.NaN);
  if (lifetimeMs > 0 && lifetimeMs <= maxDays * unitMs.d) return lifetimeMs;
  throw new CommandError(`${JSON.stringify(text)} is no time until a token expires: write 90d, 12h, 30m or never.`);
}
