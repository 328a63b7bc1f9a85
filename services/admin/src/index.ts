export { buildAdmin } from './build-admin.ts';
export type { BudgetList, FillList, JobList, NodeList, Overview } from './describe-nodes.ts';
export { assembleAdmin } from './wiring/assemble-admin.ts';
export { openAdminAccess } from './wiring/open-admin-access.ts';
