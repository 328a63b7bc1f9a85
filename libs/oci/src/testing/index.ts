export { bytesOf, collect, until } from './test-bytes.ts';
