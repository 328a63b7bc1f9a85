// The types of all requests and answers of the admin API.
export type * from './audit.ts';
export type * from './budget.ts';
export type * from './connect.ts';
export type * from './decisions.ts';
export type * from './image-changes.ts';
export type * from './images.ts';
export type * from './jobs.ts';
export type * from './nodes.ts';
export type * from './prewarm.ts';
export type * from './upkeep.ts';
