// Writes the rule files of Prometheus, and the same rules for its operator on Kubernetes.
import { stringify } from 'yaml';
import { type Alert, cache, composeVariables, type RuleVariables } from './alert.ts';
import { nodeAlerts } from './node-alerts.ts';
import { pullAlerts } from './pull-alerts.ts';
import { serverAlerts } from './server-alerts.ts';
import { workAlerts } from './work-alerts.ts';

const pulls = 'operation=~"manifest|blob"';
const rateOf = (matchers: string) =>
  `sum by (${cache}) (rate(cistern_requests_total{${[pulls, matchers].filter(Boolean).join(',')}}[5m]))`;
const account = `${cache}, upstream, endpoint, credential`;

const recordings = {
  name: 'cistern-recording',
  interval: '30s',
  rules: [
    {
      record: 'cistern:hit_ratio:requests5m',
      expr: `${rateOf('status=~"2xx|3xx",result=~"HIT|STALE|REVALIDATED|JOINED"')}\n/ ${rateOf('status=~"2xx|3xx",result!="NONE"')}`,
    },
    { record: 'cistern:errors:ratio5m', expr: `${rateOf('status="5xx"')}\n/ ${rateOf('')}` },
    {
      record: 'cistern:upstream_budget:remaining_ratio',
      expr: `min by (${account}) (cistern_upstream_rate_limit_remaining)\n/ max by (${account}) (cistern_upstream_rate_limit)`,
    },
  ],
};

function ruleOf({ alert, expr, for: held, severity, ...texts }: Alert, { runbookUrl, consoleUrl }: RuleVariables) {
  const { summary, description, page } = texts;
  return {
    alert,
    expr,
    ...(held !== undefined && { for: held }),
    labels: { severity },
    annotations: {
      summary,
      description,
      runbook_url: `${runbookUrl}#${alert.toLowerCase()}`,
      console_url: page === undefined ? consoleUrl : `${consoleUrl}#/${page}`,
    },
  };
}

function alertGroups(variables: RuleVariables) {
  const group = (name: string, alerts: readonly Alert[]) => ({
    name,
    rules: alerts.map((alert) => ruleOf(alert, variables)),
  });
  return [
    group('cistern-nodes', nodeAlerts(variables)),
    group('cistern-pulls', pullAlerts),
    group('cistern-work', workAlerts),
    group('cistern-servers', serverAlerts(variables)),
  ];
}

const write = (value: object) => stringify(value, { lineWidth: 0, blockQuote: 'literal' });

/**
 * Returns the rules in YAML: a rule file of Prometheus, or with `asResource` a PrometheusRule for Kubernetes. They
 * begin with the recording rules that the alerts need.
 */
export function describeRules(variables: RuleVariables, { asResource = false } = {}): string {
  const groups = { groups: [recordings, ...alertGroups(variables)] };
  if (!asResource) return write(groups);
  const metadata = { name: 'cistern', labels: { 'app.kubernetes.io/name': 'cistern' } };
  return write({ apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', metadata, spec: groups });
}

const head = (text: string) =>
  `# This file is generated from infra/monitoring: change the code, then run \`npm run docs\`.\n# ${text}\n`;

/** Returns the files of infra/prometheus/rules by name, with the values for docker-compose.yml. */
export function describeRuleFiles(): Record<string, string> {
  return {
    'recording.yml': head('Expressions of alerts.') + write({ groups: [recordings] }),
    'alerts.yml':
      head('Each alert has a section of its name in docs/operations.md. For other job names: docs/dashboards.md.') +
      write({ groups: alertGroups(composeVariables) }),
  };
}
