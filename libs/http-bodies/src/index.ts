export {
  type BodyConnection,
  type BodyConnectionOptions,
  type Diversion,
  openBodyConnection,
} from './body-connection.ts';
export { BodyError, endedEarly } from './body-error.ts';
export type { ResponseHead } from './response-head.ts';
