// Bounds of guessing, for nodes that count other passwords than those of a file. Apart, because a cache without any does
// without the libraries behind this.
export { createLockOut } from './limits/create-lock-out.ts';
export type { LockOut } from './limits/create-lock-out.ts';
export { createTries } from './limits/create-tries.ts';
export type { Tries, Try } from './limits/create-tries.ts';
