// Waits for a condition of other processes.
import { createUntil } from '@cistern/test-services';

export const until = createUntil(10);
