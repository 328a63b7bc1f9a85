// Waits for a condition of servers that no event announces.
import { createUntil } from '@cistern/test-services';

export const until = createUntil(5);
