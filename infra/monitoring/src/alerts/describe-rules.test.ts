import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { composeVariables } from './alert.ts';
import { describeRuleFiles, describeRules } from './describe-rules.ts';
import { parseOptions } from './parse-options.ts';

interface Rule {
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Groups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

function rulesOf({ groups }: Groups): Rule[] {
  return groups.flatMap(({ rules }) => rules);
}

function printed(...args: string[]): Rule[] {
  const { variables, ...output } = parseOptions(args);
  return rulesOf(parse(describeRules(variables, output)) as Groups);
}

test('options set the jobs, the runbook and the console of all alerts', () => {
  const options = ['--job=ns/.+', '--haproxy-job', 'edge', '--s3-job', 'ceph'];
  const rules = printed(...options, '--runbook-url', 'https://wiki.example/cistern', '--console-url=https://c.example');
  const exprOf = (name: string) => rules.find(({ alert }) => alert === name)?.expr;
  assert.equal(exprOf('CisternNodeDown'), 'up{job=~"ns/.+"} == 0');
  assert.equal(exprOf('CisternBalancerDown'), 'up{job=~"edge"} == 0');
  assert.equal(exprOf('CisternS3Down'), 'up{job=~"ceph"} == 0');
  for (const { alert, annotations } of rules.filter((rule) => rule.alert !== undefined)) {
    assert.equal(annotations?.['runbook_url'], `https://wiki.example/cistern#${alert?.toLowerCase()}`);
    assert.match(annotations?.['console_url'] ?? '', /^https:\/\/c\.example\/(?:#\/[a-z-]+)?$/);
  }
});

test('no expression names a job, except those of the options', () => {
  const jobs = new Set(Object.values(composeVariables).slice(0, 3));
  for (const { expr } of printed())
    for (const [, job = ''] of expr.matchAll(/job=~?"([^"]*)"/g)) assert.ok(jobs.has(job), expr);
});

test('every alert has a severity, a summary and a description that says what to do', () => {
  for (const { alert, labels, annotations } of printed().filter((rule) => rule.alert !== undefined)) {
    const { summary = '', description = '' } = annotations ?? {};
    assert.match(labels?.['severity'] ?? '', /^(?:critical|warning)$/, String(alert));
    assert.notEqual(summary, '', String(alert));
    assert.ok(description.split('. ').length >= 2, String(alert));
  }
});

test('a PrometheusRule has the same rules as the files', () => {
  const resource = parse(describeRules(composeVariables, { asResource: true })) as { kind: string; spec: Groups };
  assert.equal(resource.kind, 'PrometheusRule');
  const files = Object.values(describeRuleFiles()).map((text) => parse(text) as Groups);
  assert.deepEqual(rulesOf(resource.spec), files.flatMap(rulesOf));
});

test('a job that would change the expression is rejected', () => {
  assert.throws(() => parseOptions(['--job', 'a"} or up{job="b']), /^Error: --job is a"} or up/);
  assert.throws(() => parseOptions(['--jobs', 'a']), /Unknown option '--jobs'/);
});
