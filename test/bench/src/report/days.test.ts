import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Day } from './day.ts';
import { readDays, recordDay } from './day-files.ts';
import { allTables, describeDays, summaryTable } from './day-tables.ts';
import { measuredOf } from './figures-for-tests.ts';
import { fewestDays, summarizeDays } from './summarize-days.ts';
import { writeFigures } from './write-figures.ts';

const run = { commit: 'c0ffee', node: 'v26.0.0', rounds: 2, seconds: 1, isFull: false };
const machine = '2 × AMD EPYC';
const measured = measuredOf({
  cistern: [
    [100, 20],
    [300, 20],
  ],
  nginx: [
    [400, 10],
    [400, 10],
  ],
  fastify: [
    [200, Number.NaN],
    [200, Number.NaN],
  ],
});
const { workload } = measured;

async function openDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-days-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

/** A day on which Cistern answered `perSecond` requests, and nginx 400. */
function dayOf(date: string, perSecond: number): Day {
  const nginx = { median: 400, ratio: perSecond / 400, spread: 0.1 };
  const figures = {
    'requests/s': { better: 'higher', contenders: { cistern: { median: perSecond }, nginx } },
  } as const;
  return { date, machine, workloads: { load: { ...run, figures } } };
}

const days = [dayOf('2026-12-03', 100), dayOf('2026-12-01', 300), dayOf('2026-12-09', 200)];

test('a day has medians, ratios and their spread, and no figure that was not measured', async (t) => {
  const directory = join(await openDirectory(t), 'days');
  const file = await recordDay(directory, { date: '2026-12-02', machine, run, measured: [measured] });
  assert.equal(file, join(directory, '2026-12-02-2-amd-epyc.json'));
  const [day] = await readDays(directory);
  assert.deepEqual(day, {
    date: '2026-12-02',
    machine,
    workloads: {
      load: {
        ...run,
        figures: {
          'requests/s': {
            better: 'higher',
            contenders: {
              cistern: { median: 200 },
              nginx: { median: 400, ratio: 0.5, spread: 1 },
              fastify: { median: 200, ratio: 1, spread: 1 },
            },
          },
          'CPU µs/request': {
            better: 'lower',
            contenders: { cistern: { median: 20 }, nginx: { median: 10, ratio: 0.5, spread: 0 } },
          },
        },
      },
    },
  });
});

test('a second run of a day replaces only what it measured, and another machine has its own file', async (t) => {
  const directory = await openDirectory(t);
  const record = (name: string, on: string, commit: string) =>
    recordDay(directory, {
      date: '2026-12-02',
      machine: on,
      run: { ...run, commit },
      measured: [{ ...measured, workload: { ...workload, name } }],
    });
  await record('load', machine, 'one');
  await record('other', machine, 'two');
  await record('load', machine, 'three');
  await record('load', '4 × ARM', 'four');
  const commits = (await readDays(directory)).map(({ workloads }) =>
    Object.entries(workloads).map(([name, { commit }]) => `${name} ${commit}`),
  );
  assert.deepEqual(commits, [['load three', 'other two'], ['load four']]);
});

test('tables show the median of the days, its range and the number of days', () => {
  const summaries = summarizeDays(days, [workload]);
  assert.equal(
    summaryTable(summaries),
    `| workload | figure | days | Cistern | docker-registry | nginx | bare Fastify route | no cache |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
| A load | requests/s | 3 | 200 |  | 0.5× (0.25 to 0.75) |  |  |
`,
  );
  assert.equal(
    allTables(summaries),
    `| A load (3 days) | requests/s |
| --- | ---: |
| The cistern | 200 |
| The nginx | 400, 0.5× (0.25 to 0.75) |
`,
  );
  assert.equal(
    describeDays(days, summaries),
    'Medians of 3 days from 2026-12-01 to 2026-12-09, on 2 × AMD EPYC, Node v26.0.0. In brackets is the range of the days. ' +
      'A factor shows how many times better Cistern is. `npm run bench -- --record` adds a day.',
  );
});

test('too few days are reported, and one day has no range', () => {
  const few = days.slice(0, fewestDays - 1);
  assert.match(describeDays(few, summarizeDays(few, [workload])), /Figures of fewer than 3 days are preliminary\.$/);
  assert.match(summaryTable(summarizeDays(days.slice(0, 1), [workload])), /\| 1 \| 100 \|  \| 0\.25× \|/);
});

test('further figures of a workload have their own rows, and columns can be chosen', () => {
  const [day] = [dayOf('2026-12-02', 100)];
  const figures = { ...day.workloads['load']!.figures };
  figures['KB allocated/request'] = { better: 'lower', contenders: { cistern: { median: 12 } } };
  const summaries = summarizeDays(
    [{ ...day, workloads: { load: { ...run, figures } } }],
    [{ ...workload, alsoShown: ['KB allocated/request', 'none'] }],
  );
  const [, , ...rows] = summaryTable(summaries, ['nginx']).split('\n');
  assert.deepEqual(rows, [
    '| A load | requests/s | 1 | 100 | 0.25× |',
    '| A load | KB allocated/request | 1 | 12 |  |',
    '',
  ]);
});

test('pages have the figures of the days between their marks, and are the same when written again', async (t) => {
  const root = await openDirectory(t);
  await mkdir(join(root, 'docs'));
  const pages = ['README.md', 'docs/performance.md'].map((name) => join(root, name));
  for (const page of pages) await writeFile(page, 'before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n');
  await writeFigures(root, days, [workload, { ...workload, name: 'never-measured' }]);
  const [readme, performance] = await Promise.all(pages.map((page) => readFile(page, 'utf8')));
  assert.match(performance!, /^before\n<!-- bench -->\n\nMedians [^]*\| A load \|[^]*\n\n<!-- \/bench -->\nafter\n$/);
  assert.doesNotMatch(readme! + performance!, /old|never/);
  assert.match(await readFile(join(root, 'docs/benchmark.md'), 'utf8'), /\| The nginx \| 400, 0\.5×/);
  assert.match(await readFile(join(root, 'docs/bench.svg'), 'utf8'), /200 requests\/s[^]*400 requests\/s/);
  await writeFigures(root, days, [workload]);
  assert.equal(await readFile(pages[1]!, 'utf8'), performance);
  await writeFile(pages[0]!, 'no marks');
  await assert.rejects(writeFigures(root, days, [workload]), /README\.md has no place for the figures/);
});

test('without any day, the error names the command', async (t) => {
  const directory = await openDirectory(t);
  await assert.rejects(readDays(join(directory, 'none')), /npm run bench -- --record/);
  assert.deepEqual(await readdir(directory), []);
});
