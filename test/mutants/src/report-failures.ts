// A reporter of `node --test` that prints only the failures, each as a line of JSON.
import type { EventData } from 'node:test';
import type { TestEvent } from 'node:test/reporters';

export interface ReportedFailure {
  readonly test: string;
  readonly message: string;
  /** Whether the whole file failed, before or after its tests. */
  readonly isFile: boolean;
}

// oxlint-disable-next-line import/no-default-export -- Node requires a default export for a reporter
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

/** Returns whether it failed only because of subtests, which are reported separately. */
function isOfParts({ details }: EventData.TestFail): boolean {
  return (details.error as { readonly failureType?: string }).failureType === 'subtestsFailed';
}

function messageOf({ details: { error } }: EventData.TestFail): string {
  const { cause = error } = error;
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}
