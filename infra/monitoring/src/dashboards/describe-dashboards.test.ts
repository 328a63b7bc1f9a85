import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeDashboards } from './describe-dashboards.ts';

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly datasource: object }[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly color: { readonly mode: string; readonly fixedColor?: string };
      readonly thresholds?: object;
      readonly noValue?: string;
    };
    readonly overrides: readonly {
      readonly matcher: { readonly options: unknown };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
}
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly allValue?: string }[] };
  readonly annotations: { readonly list: readonly { readonly name: string }[] };
}

const texts = describeDashboards();
const dashboards = Object.values(texts).map((text) => JSON.parse(text) as Dashboard);
const panels = dashboards.flatMap((dashboard) => dashboard.panels.filter(({ type }) => type !== 'row'));

test('any Grafana imports the dashboards, because they name no data source and no job', () => {
  for (const text of Object.values(texts)) {
    const uids = new Set([...text.matchAll(/"uid": "([^"]*)"/g)].map(([, uid = '']) => uid));
    assert.deepEqual(
      [...uids].filter((uid) => !uid.startsWith('cistern-')),
      ['${datasource}'],
    );
    assert.doesNotMatch(text, /"job":|job=\\"|instance=\\"/);
  }
  for (const { templating, annotations } of dashboards) {
    const names = templating.list.map(({ name }) => name);
    assert.deepEqual(names.slice(0, 5), ['datasource', 'cluster', 'namespace', 'job', 'instance']);
    assert.deepEqual(
      annotations.list.map(({ name }) => name),
      ['Alerts', 'Starts', 'Versions'],
    );
  }
});

test('every selector of an expression has the variables, and every rate the interval of Grafana', () => {
  for (const { title, targets = [] } of panels)
    for (const { expr } of targets) {
      for (const [selector] of expr.matchAll(/\b(?:cistern|process|nodejs|up)\w*\{[^}]*\}/g))
        assert.match(
          selector,
          /cluster=~"\$cluster",namespace=~"\$namespace",job=~"\$job",instance=~"\$instance"/,
          title,
        );
      assert.equal(expr.match(/\b(?:cistern|process|nodejs)_\w+\b(?!\{)/g), null, title);
      for (const [, range] of expr.matchAll(/\[([^\]]*)\]/g))
        assert.match(range ?? '', /^\$__(?:rate_interval|range)$/);
    }
});

test('every figure has thresholds of its own, because Grafana’s default is red from 80', () => {
  for (const { title, type, fieldConfig } of panels)
    if (fieldConfig?.defaults.color.mode === 'thresholds')
      assert.ok(fieldConfig.defaults.thresholds, `${type} ${title}`);
});

test('lines get no colour by their order, because green, amber and red have a meaning', () => {
  const drawn = panels.filter(({ type }) => type === 'timeseries');
  assert.ok(drawn.length > 20);
  for (const { title, fieldConfig } of drawn) {
    const { mode, fixedColor = '' } = fieldConfig?.defaults.color ?? { mode: '' };
    assert.equal(mode, 'shades', title);
    assert.match(fixedColor, title.startsWith('Fail') ? /^red$/ : /^(?:blue|purple)$/, title);
  }
  const colourOf = (title: string, pattern: string) =>
    panels
      .find((panel) => panel.title === title)
      ?.fieldConfig?.overrides.find(({ matcher }) => matcher.options === pattern)
      ?.properties.find(({ id }) => id === 'color')?.value;
  assert.deepEqual(colourOf('Served stale, and rejected', '/^stale: /'), { mode: 'shades', fixedColor: 'orange' });
  assert.deepEqual(colourOf('Jobs by name', '/ failed$/'), { mode: 'shades', fixedColor: 'red' });
});

test('a panel of lines that can have no series says so', () => {
  for (const { title, type, targets = [], fieldConfig } of panels) {
    const isConditional = targets.every(({ expr }) => /(?:@ end\(\)\)\) > 0|\) >= 0)$/.test(expr));
    if (type === 'timeseries' && isConditional) assert.ok(fieldConfig?.defaults.noValue, title);
  }
});

test('panels fill rows of 24 columns and do not overlap', () => {
  for (const { uid, panels: placed } of dashboards) {
    const taken = new Set<string>();
    for (const { title, gridPos } of placed)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          assert.ok(x < 24 && !taken.has(`${x} ${y}`), `${uid} / ${title}`);
          taken.add(`${x} ${y}`);
        }
    const height = Math.max(...placed.map(({ gridPos }) => gridPos.y + gridPos.h));
    assert.equal(taken.size, 24 * height, uid);
  }
});
