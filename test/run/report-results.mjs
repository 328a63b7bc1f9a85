// A reporter of `node --test`: each failure, each file without a test, and the numbers at the end, as lines of JSON.
import { relative } from 'node:path';

/**
 * Lines are `{ failure: { file, name } }`, `{ empty: file }` for a file that ran no test, and at the end `{ counts }`.
 * `name` is that of a test which can be run alone: undefined for a file as a whole, and for a test within another.
 */
// oxlint-disable-next-line import/no-default-export -- that is how Node takes a reporter
export default async function* reportResults(events) {
  for await (const { type, data } of events) {
    const isFile = data.nesting === 0 && data.name?.endsWith('.test.ts');
    const file = relative(process.cwd(), data.file ?? data.name ?? '');
    if (type === 'test:fail' && data.details.error?.failureType !== 'subtestsFailed')
      yield line({ failure: { file, name: isFile || data.nesting > 0 ? undefined : data.name } });
    // Node takes a file that has run no test for a test that has passed.
    if (type === 'test:pass' && isFile) yield line({ empty: relative(process.cwd(), data.name) });
    if (type === 'test:summary' && data.file === undefined) yield line({ counts: data.counts });
  }
}

function line(value) {
  return `${JSON.stringify(value)}\n`;
}
