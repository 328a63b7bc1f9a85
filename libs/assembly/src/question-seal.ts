import type { Seal } from '@cistern/pull-through';
import { createSeal } from './seal.ts';

/** Between a frontend and a worker. */
export function questionSeal(clusterSecret: string): Seal {
  return createSeal(clusterSecret, 'access questions');
}
