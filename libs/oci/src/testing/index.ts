export { bytesOf, collect } from './test-bytes.ts';
