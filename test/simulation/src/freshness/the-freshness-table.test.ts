// Every row of the freshness table, for HEAD and GET, with an upstream of each behavior. Each row names the response,
// its cost at the upstream, and the record afterwards.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSqliteIndex } from '@cistern/index/sqlite';
import { createLogger } from '@cistern/telemetry';
import { type Cell, allCells, checkCell, prepareCell } from './freshness-table.ts';
import { openFreshnessStage } from './open-freshness-stage.ts';

const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
const atOnce = 16;

test('the freshness table holds', async (t) => {
  const index = await openSqliteIndex({ path: ':memory:', now: Date.now, log });
  t.after(() => index.close());
  const stage = await openFreshnessStage(t, index);
  const { online = [], offline = [] } = Object.groupBy(allCells(), ({ behaviour }) =>
    behaviour.name === 'offline' ? 'offline' : 'online',
  );
  const failures: string[] = [];
  const check = async (cell: Cell, prepared: Awaited<ReturnType<typeof prepareCell>>) =>
    checkCell(stage, cell, prepared).catch((error: unknown) => failures.push((error as Error).message));
  await forEach(online, async (cell, seed) => check(cell, await prepareCell(stage, cell, seed)));
  const prepared = await Promise.all(offline.map(async (cell, at) => prepareCell(stage, cell, online.length + at)));
  stage.offline.all = true;
  await forEach(offline, async (cell, at) => check(cell, prepared[at]!));
  assert.equal(failures.length, 0, `${failures.length} cells:\n${failures.join('\n').slice(0, 5_000)}`);
});

async function forEach<T>(items: readonly T[], act: (item: T, at: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let at = next++; at < items.length; at = next++) await act(items[at]!, at);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
