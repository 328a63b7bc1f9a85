export { buildChallenges } from './build-frontend-node.ts';
export { buildFrontendNode } from './build-frontend-node.ts';
export { buildRegistry } from './build-frontend-node.ts';
export { openServing } from './wiring/open-serving.ts';
export { wireFrontend } from './wiring/wire-frontend.ts';
export type { FrontendAssembly } from './wiring/wire-frontend.ts';
