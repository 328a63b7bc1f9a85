// Keeps verdicts of earlier runs, so that an interrupted run can resume. They hold for the same patch and tree.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Outcome, Verdict } from './verdict.ts';

interface Kept {
  readonly tree: string;
  /** Verdicts by name and contents of the patch. */
  readonly verdicts: Record<string, Verdict>;
  /** Outcomes of test files without a bug. */
  readonly clean: Record<string, Outcome>;
}

export interface Results {
  readonly clean: Record<string, Outcome>;
  verdictOf(name: string, patch: string): Verdict | undefined;
  keep(name: string, patch: string, verdict: Verdict): void;
  /** Writes the new results. */
  save(): void;
}

/** Results of another tree are dropped. */
export function openResults(file: string, tree: string): Results {
  const found = read(file);
  const kept: Kept = found?.tree === tree ? found : { tree, verdicts: {}, clean: {} };
  const save = () => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, `${JSON.stringify(kept, undefined, 2)}\n`);
    renameSync(`${file}.new`, file);
  };
  return {
    clean: kept.clean,
    verdictOf: (name, patch) => kept.verdicts[keyOf(name, patch)],
    keep(name, patch, verdict) {
      kept.verdicts[keyOf(name, patch)] = verdict;
      save();
    },
    save,
  };
}

function keyOf(name: string, patch: string): string {
  return `${name} ${createHash('sha256').update(patch).digest('hex').slice(0, 16)}`;
}

function read(file: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Kept;
  } catch {
    return undefined;
  }
}
