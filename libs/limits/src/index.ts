// What one client may take of the cache, so that there is enough for the others.
export { createClientLimits, unlimited } from './client-limits.ts';
export type { Admission, ClientLimits, ClientLimitsOptions } from './client-limits.ts';
