export { buildAdmin } from './build-admin.ts';
export type { BudgetList, FillList, JobList, NodeList, Overview } from './describe-nodes.ts';
