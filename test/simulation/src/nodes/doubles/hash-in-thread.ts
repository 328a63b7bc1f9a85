// Replaces the hash in a thread, which does not follow virtual time, with the same hash in this thread. It is loaded
// before the world begins.
import { hashHere, loadHasher } from '@cistern/fills/testing';

await loadHasher('sha256', undefined);

export const hashInThread = hashHere;
