export { createIndexServer, createTestIndex } from './create-index-server.ts';
export { repositoryOf } from './repository-of.ts';
export { withFaults } from './index-faults.ts';
export type { PubSubFaults, IndexFaults } from './index-faults.ts';
