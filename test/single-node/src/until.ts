// Waits until a condition of other processes holds.
import { createUntil } from '@cistern/test-servers';

export const until = createUntil(10);
