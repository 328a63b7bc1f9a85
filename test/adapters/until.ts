// Waits for a condition of servers that no event announces.
import { createUntil } from '@cistern/test-servers';

export const until = createUntil(5);

/** Waits for a condition that needs a process such as redis-cli to check. */
export const untilSeldom = createUntil(250);
