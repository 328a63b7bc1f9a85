// Waits for a condition of containers.
import { createUntil } from '@cistern/test-services';

export const until = createUntil(500);
