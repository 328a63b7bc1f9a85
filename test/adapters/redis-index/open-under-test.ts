// Opens an index on a real Redis for one test, with its own key prefix.
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { CacheIndex } from '@cistern/index';
import { openRedisIndex } from '@cistern/index/redis';
import type { RedisConnection } from '@cistern/redis';
import { commandTimeoutMs } from '@cistern/test-servers';

export interface IndexUnderTest {
  readonly index: CacheIndex;
  readonly keyPrefix: string;
  readonly logged: readonly Record<string, unknown>[];
}

interface Options {
  /** Default: a new prefix. */
  readonly keyPrefix?: string | undefined;
  readonly settleMs?: number | 'default';
  readonly timeoutMs?: number;
}

export async function openUnderTest(
  t: TestContext,
  connection: RedisConnection,
  options: Options = {},
): Promise<IndexUnderTest> {
  const { keyPrefix = `test-${randomUUID()}:`, timeoutMs = commandTimeoutMs.patient } = options;
  // A new prefix looks like a lost index, so claims would wait.
  const { settleMs = 0 } = options;
  const logged: Record<string, unknown>[] = [];
  function log(fields: object, message: string): void {
    logged.push({ ...fields, message });
  }
  const index = await openRedisIndex({
    connection,
    keyPrefix,
    ...(settleMs !== 'default' && { settleMs }),
    commandTimeoutMs: timeoutMs,
    log: { warn: log, error: log },
  });
  t.after(() => index.close());
  return { index, keyPrefix, logged };
}
