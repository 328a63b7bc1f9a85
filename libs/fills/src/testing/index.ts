export { loadHasher } from '../fill/savable-hash.ts';
export { hashHere } from './hash-here.ts';
