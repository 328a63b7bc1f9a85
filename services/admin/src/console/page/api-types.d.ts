// The answers of the admin API: their schemas give the types.
export type * from '../../api/index.ts';
