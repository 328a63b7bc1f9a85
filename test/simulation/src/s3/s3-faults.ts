// Defines the faults of the simulated S3 server. A test or a scenario can change their chances during its run.
import type { Random } from '../world/random.ts';

/** Each value is the chance, from 0 to 1, that the fault hits a request. */
export interface S3Faults {
  /** The server responds with 503 SlowDown or 500 InternalError. */
  refused: number;
  /** The server never responds, and the request has no effect. */
  silent: number;
  /** The request has no effect, and the connection breaks during the request or after it. */
  lost: number;
  /** The request takes effect, but the connection breaks before the response, or no response arrives. */
  unheard: number;
  /** The response breaks off in its headers or its body. */
  torn: number;
  /** The response is slow: before it begins and between its pieces. */
  slow: number;
}

export type S3FaultKind = keyof S3Faults;

export function createS3Faults(): S3Faults {
  return { refused: 0, silent: 0, lost: 0, unheard: 0, torn: 0, slow: 0 };
}

export interface S3Fate {
  readonly kind: S3FaultKind | 'served';
  /** Where the fault strikes: the share of a body that is transferred before it. */
  readonly share: number;
  /** Selects one of two variants of the fault. */
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
