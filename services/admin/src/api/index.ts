// The types of all requests and responses of the admin API.
export type * from '@cistern/operations/api';
export type * from './connect.ts';
