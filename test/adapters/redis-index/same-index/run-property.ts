// Runs a property about calls to indexes on fifty sequences by default. `npm run fuzz` runs more, for ten minutes at
// most. FUZZ_SEED and FUZZ_PATH run one sequence again.
import { relative } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import type { Call } from './compare.ts';

export interface PropertyRun {
  readonly file: string;
  readonly property: fc.IAsyncProperty<[readonly Call[]]>;
  /** The fraction of the usual number of sequences, for a slow property; default 1. */
  readonly share?: number;
}

const usualRuns = 50;
const longestMs = 600_000;

/** Rejects with the shortest failing sequence, one call a line, and with the command that runs it alone. */
export async function runProperty({ file, property, share = 1 }: PropertyRun): Promise<void> {
  const { FUZZ_SEED: seed, FUZZ_PATH: path } = process.env;
  const again = seed !== undefined && path !== undefined && { seed: Number(seed), path, endOnFailure: true };
  const { numRuns = usualRuns, reporter } = fc.readConfigureGlobal();
  const details = await fc.check<[readonly Call[]]>(property, {
    numRuns: Math.ceil(share * numRuns),
    plugins: [fc.interruptAfterTimeLimit(longestMs)],
    ...again,
  });
  if (details.failed) throw new Error(describe(details, file), { cause: details.errorInstance });
  reporter?.(details as fc.RunDetails<unknown>);
}

function describe(details: fc.RunDetails<[readonly Call[]]>, file: string): string {
  const { numRuns, numShrinks, seed, counterexamplePath, counterexample, errorInstance } = details;
  const [sequence = []] = counterexample ?? [];
  const lines = sequence.map(([name, ...given]) => {
    const texts = given.map((value) => inspect(value, { depth: 9, breakLength: Infinity, compact: true }));
    return `  ${name}(${texts.join(', ')})`;
  });
  return [
    `found in run ${numRuns}, and shortened ${numShrinks} times:`,
    ...lines,
    errorInstance instanceof Error ? errorInstance.message : String(errorInstance),
    `to run it alone: FUZZ_SEED=${seed} FUZZ_PATH=${counterexamplePath} npm test -- ${relative(process.cwd(), file)}`,
  ].join('\n');
}
