// Batches test files that run in one process, so that the sources of their package are loaded once for twenty files.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const filesPerBatch = 20;
const together = /^(?:libs|services)\//;
const ownProcess = /^\/\/ own-process: \S/m;
const hookOfFile = /^(?:beforeEach|afterEach)\(/m;

/**
 * Returns a map from the files for `node --test` to the test files that each of them runs. A batch has up to twenty
 * files, or one that must run alone. Throws for a file with hooks that would affect the others. The caller removes the
 * modules in `directory`.
 */
export function batchFiles(root, files, directory) {
  const packages = new Map();
  const alone = [];
  for (const file of files) {
    if (needsOwnProcess(root, file)) alone.push(file);
    else {
      const name = file.split('/', 2).join('/');
      packages.set(name, [...(packages.get(name) ?? []), file]);
    }
  }
  const batches = [...packages.values()].flatMap((own) => {
    const count = Math.ceil(own.length / filesPerBatch);
    return Array.from({ length: count }, (_, number) => own.filter((_file, at) => at % count === number));
  });
  return new Map([
    ...batches.map((batch, number) => [writeBatch(root, batch, join(directory, `batch-${number}.test.ts`)), batch]),
    ...alone.map((file) => [file, [file]]),
  ]);
}

function needsOwnProcess(root, file) {
  if (!together.test(file)) return true;
  const text = readFileSync(join(root, file), 'utf8');
  if (ownProcess.test(text)) return true;
  if (hookOfFile.test(text))
    throw new Error(
      `${file} has a hook outside of describe, which would affect other files in its process. Add "// own-process: <reason>" to its head.`,
    );
  return false;
}

function writeBatch(root, files, path) {
  const imports = files.map((file) => `await import(${JSON.stringify(pathToFileURL(join(root, file)).href)});\n`);
  writeFileSync(path, imports.join(''));
  return path;
}
