export { buildChallenges, buildFrontendNode, buildRegistry } from './build-frontend-node.ts';
export { wireFrontend } from './wiring/wire-frontend.ts';
