// Reads every expression of dashboards and rules.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { infra } from './infra.ts';

export interface NamedExpression {
  /** The dashboard and panel, or the rule. */
  readonly by: string;
  readonly expression: string;
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition: string }[] };
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

interface RuleFile {
  readonly groups: readonly {
    readonly rules: readonly { readonly record?: string; readonly alert?: string; readonly expr: string }[];
  }[];
}

export async function readRules(file: 'recording.yml' | 'alerts.yml'): Promise<NamedExpression[]> {
  const text = await readFile(join(infra, 'prometheus/rules', file), 'utf8');
  const { groups } = parse(text, { merge: true }) as RuleFile;
  return groups.flatMap(({ rules }) =>
    rules.map(({ record, alert, expr }) => ({ by: record ?? alert ?? '', expression: expr })),
  );
}

interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts: readonly object[] }[];
    readonly promql_expr_test?: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[];
  }[];
}

/** Returns the alerts that a unit test makes fire. */
export async function testedAlerts(): Promise<ReadonlySet<string>> {
  const text = await readFile(join(infra, 'prometheus/alerts.test.yml'), 'utf8');
  const { tests } = parse(text) as RuleTests;
  const byName = tests
    .flatMap(({ alert_rule_test: alerts = [] }) => alerts.filter((alert) => alert.exp_alerts.length > 0))
    .map(({ alertname }) => alertname);
  const bySeries = tests
    .flatMap(({ promql_expr_test: expressions = [] }) => expressions.flatMap(({ exp_samples: samples }) => samples))
    .map(({ labels }) => /alertname="(\w+)"/.exec(labels)?.[1] ?? '');
  return new Set([...byName, ...bySeries]);
}

/**
 * Returns the selectors in an expression, each with its matchers. Each must match a metric, or the expression means
 * nothing.
 */
export function selectorsOf(expression: string): string[] {
  return [...expression.matchAll(/\b((?:cistern|process|nodejs|up)(?:[\w:]*))(\{[^}]*\})?/g)]
    .filter(([, name = '']) => name === 'up' || /[_:]/.test(name))
    .map(([selector]) => selector);
}
