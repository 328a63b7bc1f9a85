export { buildFrontend } from './build-frontend.ts';
export type { FrontendOptions } from './build-frontend.ts';
export { buildHealth } from './health.ts';
export type { HealthCheck, HealthOptions } from './health.ts';
export { startPeriodicCheck } from './periodic-check.ts';
export type { PeriodicCheck, PeriodicCheckOptions } from './periodic-check.ts';
