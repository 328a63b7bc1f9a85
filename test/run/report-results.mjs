// A reporter of `node --test`. It prints each failure, each file without a test, and the total numbers as lines of
// JSON.
import { relative } from 'node:path';

/**
 * Lines are `{ failure: { file, name } }`, `{ empty: file }` for a file that ran no test, and finally `{ counts }`.
 * `name` is the name of a test that can run alone. It is undefined for a whole file, and for a test within another.
 */
// oxlint-disable-next-line import/no-default-export -- Node requires a default export for a reporter
export default async function* reportResults(events) {
  for await (const { type, data } of events) {
    const isFile = data.nesting === 0 && data.name?.endsWith('.test.ts');
    const file = relative(process.cwd(), data.file ?? data.name ?? '');
    if (type === 'test:fail' && data.details.error?.failureType !== 'subtestsFailed')
      yield line({ failure: { file, name: isFile || data.nesting > 0 ? undefined : data.name } });
    // Node reports a file without tests as a passed test.
    if (type === 'test:pass' && isFile) yield line({ empty: relative(process.cwd(), data.name) });
    if (type === 'test:summary' && data.file === undefined) yield line({ counts: data.counts });
  }
}

function line(value) {
  return `${JSON.stringify(value)}\n`;
}
