export { pullAtOnce } from './start-herd.ts';
