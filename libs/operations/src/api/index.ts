// The schemas of all responses of the admin API, and their types. They are a separate entry of this package, because most
// processes do not need them and should not load zod.
export * from './operators.ts';
export * from './images.ts';
export * from './nodes.ts';
export * from './upkeep.ts';
export * from './values.ts';
