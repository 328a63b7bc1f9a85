import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '@cistern/runtime/testing';
import { createLogger } from '@cistern/telemetry';
import { openAuditLog } from './open-audit-log.ts';

test('an audit log that cannot be written is reported with its path and setting', async () => {
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    formatter: 'json',
    destination: { write: (line) => void lines.push(line) },
  });
  const audit = await openAuditLog('/dev/full', log);
  audit.action({ by: 'ada', command: 'POST /v1/purge' });
  audit.action({ by: 'ada', command: 'POST /v1/purge' });
  await until(() => lines.length > 0);
  const { time: _, ...line } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.deepEqual(line, {
    level: 'error',
    err: { message: 'ENOSPC: no space left on device, write', code: 'ENOSPC' },
    path: '/dev/full',
    setting: 'audit.path',
    msg: 'failed to write audit log',
  });
  audit.close();
});
