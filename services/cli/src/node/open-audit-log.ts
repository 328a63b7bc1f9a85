// The audit log's file: appended to, and opened again where rotation has moved it away.
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { type AuditLog, createAuditLog, type Logger } from '@cistern/telemetry';
import { destination } from 'pino';

const lookEveryMs = 5000;

/** Rejects if the file cannot be written. What is written is flushed when the process exits. */
export async function openAuditLog(path: string, log: Logger): Promise<AuditLog> {
  const file = destination({ dest: path, append: true, mkdir: true, sync: false });
  await once(file, 'ready');
  file.on('error', (error: unknown) => log.error({ err: error }, 'the audit log cannot be written'));
  const inode = async () => (await stat(path).catch(() => undefined))?.ino;
  let opened = await inode();
  const look = async () => {
    const found = await inode();
    if (found === opened) return;
    file.reopen();
    await once(file, 'ready');
    opened = await inode();
  };
  const timer = setInterval(() => void look().catch(() => {}), lookEveryMs).unref();
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
