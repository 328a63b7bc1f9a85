// Faults of the simulated S3 server: chances that a test or a scenario changes while it runs.
import type { Random } from '../world/random.ts';

/** Each is the chance, from 0 to 1, that it happens to a request. */
export interface S3Faults {
  /** Answered with 503 SlowDown or 500 InternalError. */
  refused: number;
  /** Never answered, and without effect. */
  silent: number;
  /** Without effect: the connection breaks in the middle of the request or after it. */
  lost: number;
  /** It takes effect, but instead of the answer the connection breaks, or nothing comes. */
  unheard: number;
  /** The answer breaks off in its head or its body. */
  torn: number;
  /** The answer takes its time: before it, and between its pieces. */
  slow: number;
}

export type S3FaultKind = keyof S3Faults;

export function createS3Faults(): S3Faults {
  return { refused: 0, silent: 0, lost: 0, unheard: 0, torn: 0, slow: 0 };
}

export interface S3Fate {
  readonly kind: S3FaultKind | 'served';
  /** Where it happens: the share of a body that comes before. */
  readonly share: number;
  /** Chooses one of two ways in which it can happen. */
  readonly isRude: boolean;
}

const served: S3Fate = { kind: 'served', share: 0, isRude: false };

/** Draws the fate of the next request. */
export function drawFate(faults: S3Faults, random: Random): S3Fate {
  for (const kind of Object.keys(createS3Faults()) as S3FaultKind[])
    if (faults[kind] > 0 && random.chance(faults[kind]))
      return { kind, share: random.fraction(), isRude: random.chance(0.5) };
  return served;
}
