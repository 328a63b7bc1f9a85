export { describeRuleFiles } from './alerts/describe-rules.ts';
export { describeDashboards } from './dashboards/describe-dashboards.ts';
