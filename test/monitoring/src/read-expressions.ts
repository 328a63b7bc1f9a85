// Reads every expression of dashboards and rules.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { infra } from './infra.ts';
import type { DrawnDashboard } from './render/answer-dashboard.ts';

export interface NamedExpression {
  /** The dashboard and panel, or the rule. */
  readonly by: string;
  readonly expression: string;
}

type Panel = DrawnDashboard['panels'][number] & {
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
};

export interface Dashboard extends DrawnDashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

export async function readDashboards(): Promise<Dashboard[]> {
  const directory = join(infra, 'grafana/dashboards');
  const files = (await readdir(directory)).filter((name) => name.endsWith('.json'));
  return Promise.all(files.map(async (name) => JSON.parse(await readFile(join(directory, name), 'utf8')) as Dashboard));
}

export async function panelExpressions(): Promise<NamedExpression[]> {
  return (await readDashboards()).flatMap(({ title, panels }) =>
    panels.flatMap(({ title: panel, targets = [] }) =>
      targets.map(({ expr }) => ({ by: `${title} / ${panel}`, expression: expr })),
    ),
  );
}

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

async function readRuleFile(file: 'recording.yml' | 'alerts.yml'): Promise<Rule[]> {
  const text = await readFile(join(infra, 'prometheus/rules', file), 'utf8');
  const { groups } = parse(text) as { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

export async function readRules(file: 'recording.yml' | 'alerts.yml'): Promise<NamedExpression[]> {
  const rules = await readRuleFile(file);
  return rules.map(({ record, alert, expr }) => ({ by: record ?? alert ?? '', expression: expr }));
}

/** Returns the labels that the texts of each alert contain. */
export async function readAlertLabels(): Promise<{ readonly alert: string; readonly label: string }[]> {
  return (await readRuleFile('alerts.yml')).flatMap(({ alert = '', annotations = {} }) =>
    [
      ...Object.values(annotations)
        .join(' ')
        .matchAll(/\$labels\.(\w+)/g),
    ].map(([, label = '']) => ({ alert, label })),
  );
}

type Labels = Readonly<Record<string, string>>;

interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test?: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly { readonly exp_labels: Labels }[];
    }[];
    readonly promql_expr_test?: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[];
  }[];
}

/** Returns the labels of all alerts that a unit test makes fire. The name is the label `alertname`. */
export async function testedAlerts(): Promise<readonly Labels[]> {
  const text = await readFile(join(infra, 'prometheus/alerts.test.yml'), 'utf8');
  const { tests } = parse(text) as RuleTests;
  const byName = tests.flatMap(({ alert_rule_test: alerts = [] }) =>
    alerts.flatMap(({ alertname, exp_alerts: fired }) => fired.map((alert) => ({ ...alert.exp_labels, alertname }))),
  );
  const bySeries = tests
    .flatMap(({ promql_expr_test: expressions = [] }) => expressions.flatMap(({ exp_samples: samples }) => samples))
    .map(({ labels }) =>
      Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value])),
    );
  return [...byName, ...bySeries];
}

/**
 * Returns the selectors in an expression, each with its matchers. Each must match a metric, or the expression means
 * nothing.
 */
export function selectorsOf(expression: string): string[] {
  return [...expression.matchAll(/\b((?:cistern|haproxy|process|nodejs|up)(?:[\w:]*))(\{[^}]*\})?/g)]
    .filter(([, name = '']) => name === 'up' || /[_:]/.test(name))
    .map(([selector]) => selector);
}
