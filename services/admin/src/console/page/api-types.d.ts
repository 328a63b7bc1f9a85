// The types of the admin API's responses, inferred from their schemas.
export type * from '../../api/index.ts';
