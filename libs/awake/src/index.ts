export { setAwakeTimeout } from './set-awake-timeout.ts';
