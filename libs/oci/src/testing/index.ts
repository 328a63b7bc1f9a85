export { bytesOf, collect } from './test-bytes.ts';
export { seeded } from './seeded.ts';
