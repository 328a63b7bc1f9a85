// The schemas of all answers of the admin API, and their types. Apart from the rest, for most processes load none of them.
export * from './operators.ts';
export * from './images.ts';
export * from './nodes.ts';
export * from './upkeep.ts';
export * from './values.ts';
