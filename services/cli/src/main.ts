// The entry point. It is the only file that reads the arguments and the environment of the process.
import { constants } from 'node:os';
import { isNodeCommand } from './translate-command.ts';

const args = process.argv.slice(2);
// SIGHUP makes a node reload its configuration, so it must not end a node that is still being loaded.
if (isNodeCommand(args)) process.on('SIGHUP', () => {});
process.title = 'cistern';
// A reader such as `head` may close standard output early. The command then ends silently, as other shell commands do.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(128 + constants.signals.SIGPIPE);
});
const { runProgram } = await import('./run-program.ts');
await runProgram(args, process);
