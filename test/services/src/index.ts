export { ensureDebianPackages } from './ensure-debian-packages.ts';
export { freePort } from './free-port.ts';
export type { Readiness } from './readiness.ts';
export { startProcess } from './start-process.ts';
export type { ProcessExit, ProcessOptions, SupervisedProcess } from './start-process.ts';
