import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerDashboard } from './answer-dashboard.ts';
import type { PrometheusApi, Series } from './prometheus-api.ts';

const times = { fromSeconds: 100, toSeconds: 108, stepSeconds: 2, rateSeconds: 16 };

/** Answers from a table, and records the expressions. */
function fakeApi(table: Readonly<Record<string, readonly Series[]>>) {
  const asked: string[] = [];
  const answer = async (expression: string) => {
    asked.push(expression);
    return [...(table[expression] ?? [])];
  };
  const api: PrometheusApi = { query: answer, queryRange: answer };
  return { api, asked };
}

test('variables select everything, and a series without a sample at a step has a gap', async () => {
  const { api, asked } = fakeApi({
    'group by (job) (cistern_build_info)': [
      { metric: { job: 'a' }, values: [[108, '1']] },
      { metric: { job: 'b' }, values: [[108, '1']] },
    ],
    'rate(x{cluster=~".*",job=~"a|b"}[16s])': [
      {
        metric: { le: '1' },
        values: [
          [100, '1'],
          [102, 'NaN'],
          [106, '3'],
        ],
      },
    ],
  });
  const expr = 'rate(x{cluster=~"$cluster",job=~"$job"}[$__rate_interval])';
  const targets = [
    { refId: 'A', expr, legendFormat: 'below {{le}}{{gone}}' },
    { refId: 'B', expr: 'y[$__range]', legendFormat: '', instant: true },
  ];
  const dashboard = { uid: 'u', title: 't', panels: [{ id: 7, targets }], annotations: { list: [] } };
  const { from, to, panels } = await answerDashboard(api, dashboard, times);
  assert.deepEqual([from, to], [100_000, 108_000]);
  assert.deepEqual(panels[7], [
    {
      refId: 'A',
      name: 'below 1',
      labels: { le: '1' },
      times: [100_000, 102_000, 104_000, 106_000, 108_000],
      values: [1, null, null, 3, null],
    },
  ]);
  assert.ok(asked.includes('y[8s]'));
});

test('annotations are the ranges of a series, or the times that are its values', async () => {
  const values = [100, 102, 106, 108].map((at) => [at, '103000'] as const);
  const { api } = fakeApi({ alerts: [{ metric: {}, values }], starts: [{ metric: {}, values }], old: [] });
  const list = [
    { expr: 'alerts', iconColor: 'red' },
    { expr: 'starts', iconColor: 'blue', useValueForTime: 'on' as const },
  ];
  const dashboard = { uid: 'u', title: 't', panels: [], annotations: { list } };
  assert.deepEqual((await answerDashboard(api, dashboard, times)).annotations, [
    { colour: 'red', from: 100_000, to: 102_000 },
    { colour: 'red', from: 106_000, to: 108_000 },
    { colour: 'blue', from: 103_000, to: 103_000 },
  ]);
});
