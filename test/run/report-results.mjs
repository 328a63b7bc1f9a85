// A reporter of `node --test`: each failure and the numbers at the end, as lines of JSON.
import { relative } from 'node:path';

/** Lines are `{ failure: { file, name } }`, with `name` undefined for a file as a whole, and at the end `{ counts }`. */
// oxlint-disable-next-line import/no-default-export -- that is how Node takes a reporter
export default async function* reportResults(events) {
  for await (const { type, data } of events) {
    if (type === 'test:fail' && data.details.error?.failureType !== 'subtestsFailed') {
      const file = data.file === undefined ? data.name : relative(process.cwd(), data.file);
      yield line({ failure: { file, name: data.name.endsWith('.test.ts') ? undefined : data.name } });
    }
    if (type === 'test:summary' && data.file === undefined) yield line({ counts: data.counts });
  }
}

function line(value) {
  return `${JSON.stringify(value)}\n`;
}
