// Opens the file of the audit log for appending, and opens the path again after log rotation has moved the file.
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { Config } from '@cistern/config';
import { type AuditLog, briefError, createAuditLog, type Logger } from '@cistern/telemetry';
import { openOutput, reportFailures } from './open-output.ts';

const checkEveryMs = 5000;
const setting = 'audit.path';

/** Rejects if the file cannot be opened for writing. Entries in the buffer are written when the process exits. */
export async function openAuditLog(path: string, log: Logger): Promise<AuditLog> {
  const file = openOutput({ dest: path, append: true, mkdir: true });
  await once(file, 'ready');
  reportFailures(file, {
    onError: (error) => log.error({ err: briefError(error), path, setting }, 'failed to write audit log'),
    onLost: (bytes) => log.error({ bytes, path, setting }, 'audit lines lost, because the file could not be written'),
  });
  const inode = async () => (await stat(path).catch(() => undefined))?.ino;
  let opened = await inode();
  const reopenIfMoved = async () => {
    const found = await inode();
    if (found === opened) return;
    file.reopen();
    await once(file, 'ready');
    opened = await inode();
  };
  const timer = setInterval(() => void reopenIfMoved().catch(() => {}), checkEveryMs).unref();
  const audit = createAuditLog({ write: (line) => void file.write(`${line}\n`), now: Date.now });
  return {
    ...audit,
    close() {
      clearInterval(timer);
      audit.close();
      file.end();
    },
  };
}

/**
 * Adds an entry for a command that changes the cache without a request to a node, so that no node records the command.
 * `parameters` contains its arguments without secrets. Does nothing if `audit.path` is unset.
 */
export async function addAuditEntry(
  { audit: { path } }: Pick<Config, 'audit'>,
  { command, parameters, log }: { readonly command: string; readonly parameters: object; readonly log: Logger },
): Promise<void> {
  if (path === undefined) return;
  const audit = await openAuditLog(path, log);
  audit.action({ by: userInfo().username, command, parameters });
  audit.close();
}
