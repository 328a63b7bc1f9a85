// What one client may take of the cache, so that there is enough for the others. What counts it is apart: where there are no
// limits its library is not loaded.
export { unlimited } from './client-limits.ts';
export type { Admission, ClientLimits } from './client-limits.ts';
