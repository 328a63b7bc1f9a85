// The commands that come to an end, in the order in which help tells of them.
import type { Command } from 'commander';
import { addAudit } from './commands/audit.ts';
import { addBudget } from './commands/budget.ts';
import { addCheckConfig } from './commands/check-config.ts';
import { addClientConfig } from './commands/client-config.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEvict } from './commands/evict.ts';
import { addExport } from './commands/export.ts';
import { addHealthcheck } from './commands/healthcheck.ts';
import { addImages } from './commands/images.ts';
import { addImport } from './commands/import.ts';
import { addIndex } from './commands/index-rebuild.ts';
import { addInflight } from './commands/inflight.ts';
import { addJobs } from './commands/jobs.ts';
import { addOffline } from './commands/offline.ts';
import { addPin } from './commands/pin.ts';
import { addPrewarm } from './commands/prewarm.ts';
import { addPurge } from './commands/purge.ts';
import { addScrub } from './commands/scrub.ts';
import { addStatus } from './commands/status.ts';
import { addToken } from './commands/token.ts';
import { addUser } from './commands/user.ts';
import type { Terminal } from './terminal/terminal.ts';

export function addOtherCommands(program: Command, terminal: Terminal): void {
  addCheckConfig(program, terminal);
  addClientConfig(program, terminal);
  addDoctor(program, terminal);
  addHealthcheck(program, terminal);
  addIndex(program, terminal);
  addStatus(program, terminal);
  addInflight(program, terminal);
  addJobs(program, terminal);
  addBudget(program, terminal);
  addAudit(program, terminal);
  addPrewarm(program, terminal);
  addImages(program, terminal);
  addPurge(program, terminal);
  addPin(program, terminal);
  addOffline(program, terminal);
  addToken(program, terminal);
  addUser(program, terminal);
  addEvict(program, terminal);
  addScrub(program, terminal);
  addExport(program, terminal);
  addImport(program, terminal);
}
