export { buildChallenges } from './build-challenges.ts';
export { buildFrontendNode } from './build-frontend-node.ts';
export { buildRegistry } from './build-registry.ts';
export { openServing } from './wiring/open-serving.ts';
export { wireFrontend } from './wiring/wire-frontend.ts';
export type { FrontendAssembly } from './wiring/wire-frontend.ts';
