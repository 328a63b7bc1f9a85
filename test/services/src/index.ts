export { ensureDebianPackages } from './ensure-debian-packages.ts';
export { startCistern } from './start-cistern.ts';
export type { Cistern, CisternOptions } from './start-cistern.ts';
export { startDockerRegistry } from './start-docker-registry.ts';
export type { DockerRegistry, DockerRegistryOptions } from './start-docker-registry.ts';
export { freePort } from './free-port.ts';
export type { Readiness } from './readiness.ts';
export { startProcess } from './start-process.ts';
export type { ProcessExit, ProcessOptions, SupervisedProcess } from './start-process.ts';
