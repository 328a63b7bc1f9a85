export { describeRuleFiles } from './alerts/describe-rules.ts';
