// What an operator does beside the running processes, in the same audit log as what they are asked for.
import { userInfo } from 'node:os';
import type { Config } from '@cistern/config';
import type { Logger } from '@cistern/telemetry';
import { openAuditLog } from './open-audit-log.ts';

/** `what`: the command; `wish`: what of, without secrets. Nothing where the configuration has no `audit.path`. */
export async function noteInAudit(
  { audit: { path } }: Pick<Config, 'audit'>,
  { what, wish, log }: { readonly what: string; readonly wish: object; readonly log: Logger },
): Promise<void> {
  if (path === undefined) return;
  const audit = await openAuditLog(path, log);
  audit.action({ by: userInfo().username, what, wish });
  audit.close();
}
