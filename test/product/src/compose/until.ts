// Waits for a condition of containers.
import { createUntil } from '@cistern/test-servers';

export const until = createUntil(500);
