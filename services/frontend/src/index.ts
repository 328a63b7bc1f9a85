export { buildChallenges } from './build-challenges.ts';
export { buildFrontendNode } from './build-frontend-node.ts';
export { buildRegistry } from './build-registry.ts';
