// The schemas of all responses of the admin API, and their types. They have an entry of their own, since most processes do not need
// them.
export * from './operators.ts';
export * from './images.ts';
export * from './nodes.ts';
export * from './upkeep.ts';
export * from './values.ts';
