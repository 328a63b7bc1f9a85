// Sets the number of cases and records how many ran. `npm run fuzz` loads it before every property test.
import { appendFileSync } from 'node:fs';
import fc from 'fast-check';

const { FUZZ_CASES: cases, FUZZ_COUNTS: counts } = process.env;

fc.configureGlobal({ numRuns: Number(cases), reporter: report });

function report(details) {
  appendFileSync(counts, `${details.numRuns}\n`);
  if (details.failed) throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
}
