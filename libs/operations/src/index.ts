export type { Images } from './images/open-images.ts';
export { openNodes } from './nodes/open-nodes.ts';
export type { Nodes } from './nodes/open-nodes.ts';
export { openReporting } from './nodes/open-reporting.ts';
export { openOperations } from './open-operations.ts';
export type { Operations, Prewarm, Upkeep } from './open-operations.ts';
export { openAudit } from './operators/open-audit.ts';
export type { Audit } from './operators/open-audit.ts';
export type { Decisions } from './operators/open-decisions.ts';
