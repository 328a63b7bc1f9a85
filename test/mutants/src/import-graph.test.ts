import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { readImportGraph } from './import-graph.ts';

const sources: Readonly<Record<string, string>> = {
  'libs/jobs/package.json': '{ "name": "@cistern/jobs", "exports": { ".": "./src/index.ts" } }',
  'libs/jobs/src/index.ts': "export { run } from './run.ts';",
  'libs/jobs/src/run.ts': 'export const run = 1;',
  'libs/jobs/src/run.test.ts': "import { run } from './run.ts';",
  'libs/jobs/src/later.test.ts': "const { run } = await import('./index.ts');",
  'libs/jobs/src/other.test.ts': "import { strict } from 'node:assert';",
  'libs/jobs/src/redis/scripts/add.lua': 'return 1',
  'libs/jobs/src/redis/load.ts': 'export const load = 1;',
  'libs/jobs/src/redis/load.test.ts': "import { load } from './load.ts';",
  'libs/jobs/src/all/everything.test.ts': "import '../run.ts';\nimport '../redis/load.ts';",
  'libs/jobs/src/all/run.test.ts': "import '../run.ts';",
  'services/worker/src/work.ts': "import type {} from 'undici';\nimport { run } from '@cistern/jobs';",
  'services/worker/src/work.test.ts': "import {\n  work,\n} from './work.ts';",
};

function graphOf(context: { after(release: () => void): void }) {
  const root = mkdtempSync(join(tmpdir(), 'cistern-graph-'));
  context.after(() => rmSync(root, { recursive: true }));
  for (const [file, text] of Object.entries(sources)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return readImportGraph(root, ['libs', 'services']);
}

test('direct and indirect importers reach a source, in the order of folder, package and number of imports', (t) => {
  assert.deepEqual(graphOf(t).testsReaching(['libs/jobs/src/run.ts']), [
    'libs/jobs/src/run.test.ts',
    'libs/jobs/src/later.test.ts',
    'libs/jobs/src/all/run.test.ts',
    'libs/jobs/src/all/everything.test.ts',
    'services/worker/src/work.test.ts',
  ]);
});

test('the tests of the folder that loads a script reach it', (t) => {
  assert.deepEqual(graphOf(t).testsReaching(['libs/jobs/src/redis/scripts/add.lua']), [
    'libs/jobs/src/redis/load.test.ts',
    'libs/jobs/src/all/everything.test.ts',
  ]);
});
