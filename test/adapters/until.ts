// Waits for a condition of servers that no event announces.
import { createUntil } from '@cistern/test-servers';

export const until = createUntil(5);

/** For a condition that a process such as redis-cli is started to ask for. */
export const untilSeldom = createUntil(250);
