// A reporter of `node --test`: each failure as a line of JSON, and nothing else.
import type { EventData } from 'node:test';
import type { TestEvent } from 'node:test/reporters';

export interface ReportedFailure {
  readonly test: string;
  readonly message: string;
  /** The file as a whole, before its tests, or behind them. */
  readonly isFile: boolean;
}

// oxlint-disable-next-line import/no-default-export -- that is how Node takes a reporter
export default async function* reportFailures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  let standardError = '';
  for await (const { type, data } of events) {
    if (type === 'test:stderr') standardError += data.message;
    if (type !== 'test:fail' || isOfParts(data)) continue;
    const isFile = data.file !== undefined && data.name.endsWith('.test.ts');
    const message = isFile ? `${messageOf(data)}\n${standardError}` : messageOf(data);
    yield `${JSON.stringify({ test: data.name, message, isFile } satisfies ReportedFailure)}\n`;
  }
}

/** It failed because tests within it did, which are reported by themselves. */
function isOfParts({ details }: EventData.TestFail): boolean {
  return (details.error as { readonly failureType?: string }).failureType === 'subtestsFailed';
}

function messageOf({ details: { error } }: EventData.TestFail): string {
  const { cause = error } = error;
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}
