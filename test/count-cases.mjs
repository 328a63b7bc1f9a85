// Loaded before every property test of `npm run fuzz`: sets how many cases there are, and notes how many there were.
import { appendFileSync } from 'node:fs';
import fc from 'fast-check';

const { FUZZ_CASES: cases, FUZZ_COUNTS: counts } = process.env;

fc.configureGlobal({ numRuns: Number(cases), reporter: report });

function report(details) {
  appendFileSync(counts, `${details.numRuns}\n`);
  if (details.failed) throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
}
