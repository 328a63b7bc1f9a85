export { buildStandalone } from './build-standalone.ts';
