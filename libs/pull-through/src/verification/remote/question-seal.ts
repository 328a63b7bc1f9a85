import { type Seal, createSeal } from '@cistern/runtime';

/** Between a frontend and a worker. */
export function questionSeal(clusterSecret: string): Seal {
  return createSeal(clusterSecret, 'access questions');
}
