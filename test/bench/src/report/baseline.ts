// The ratios that hold, with the noise of each: who makes Cistern slower is told by an exit code.
import { readFile } from 'node:fs/promises';
import type { Ratio } from './ratios.ts';

interface Held {
  readonly ratio: number;
  /** A part of the ratio; what lies within it says nothing. */
  readonly noise: number;
}

export type Baseline = Readonly<Record<string, Held>>;

/** Single rounds of a short run lie further apart than medians; no machine is quieter than this. */
const leastNoise = 0.3;
const mostNoise = 0.8;

/**
 * Only what a process's own account tells, and counts: requests a second depend on what else a machine does, even as ratios.
 */
const compared = /CPU|upstream|RSS/;

export function baselineOf(ratios: readonly Ratio[]): Baseline {
  const held = ratios
    .filter(({ name }) => compared.test(name))
    .map(({ name, value, spread }): [string, Held] => {
      return [name, { ratio: Number(value.toPrecision(3)), noise: Number(noiseOf(spread).toFixed(2)) }];
    });
  return Object.fromEntries(held.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** A sentence for each ratio that has fallen by more than its noise: that of its own run, where it was the greater one. */
export function fallenBelow(baseline: Baseline, ratios: readonly Ratio[]): string[] {
  return ratios.flatMap(({ name, value, spread }) => {
    const held = baseline[name];
    if (held === undefined) return [];
    const noise = Math.max(held.noise, noiseOf(spread));
    if (value >= held.ratio * (1 - noise)) return [];
    return [`${name}: ${value.toPrecision(3)}, was ${held.ratio} (noise ${noise.toFixed(2)})`];
  });
}

function noiseOf(spread: number): number {
  if (!Number.isFinite(spread)) return mostNoise;
  return Math.min(mostNoise, Math.max(leastNoise, spread));
}

export async function readBaseline(path: string): Promise<Baseline> {
  return JSON.parse(await readFile(path, 'utf8')) as Baseline;
}
