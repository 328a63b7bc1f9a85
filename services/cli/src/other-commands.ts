// Adds the commands that do not run a node, in groups and in the order of the help.
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
import { addLogin } from './commands/login.ts';
import { addOffline } from './commands/offline.ts';
import { addPin } from './commands/pin.ts';
import { addPrewarm } from './commands/prewarm.ts';
import { addPurge } from './commands/purge.ts';
import { addReload } from './commands/reload.ts';
import { addScrub } from './commands/scrub.ts';
import { addSecrets } from './commands/secrets.ts';
import { addStatus } from './commands/status.ts';
import { addToken } from './commands/token.ts';
import { addUser } from './commands/user.ts';
import { groupOf, summaries } from './help/groups.ts';
import type { Terminal } from './terminal/terminal.ts';

const commands = [
  addHealthcheck,
  addCheckConfig,
  addSecrets,
  addClientConfig,
  addDoctor,
  addLogin,
  addUser,
  addToken,
  addStatus,
  addInflight,
  addJobs,
  addBudget,
  addAudit,
  addReload,
  addOffline,
  addImages,
  addPrewarm,
  addPurge,
  addPin,
  addEvict,
  addScrub,
  addExport,
  addImport,
  addIndex,
];

export function addOtherCommands(program: Command, terminal: Terminal): void {
  for (const add of commands) add(program, terminal);
  for (const command of program.commands) {
    const name = command.name();
    command.helpGroup(groupOf(name)).summary(summaries[name] ?? command.description());
  }
}
