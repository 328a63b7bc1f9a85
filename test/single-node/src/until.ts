// Waits for a condition of other processes.
import { createUntil } from '@cistern/test-servers';

export const until = createUntil(10);
