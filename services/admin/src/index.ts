export { buildAdmin } from './build-admin.ts';
export { buildConsole, buildLocalAdmin } from './build-local-admin.ts';
export type { BudgetList, FillList, JobList, NodeList, Overview } from './describe-nodes.ts';
