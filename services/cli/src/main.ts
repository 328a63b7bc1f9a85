// The process: the only place that touches its arguments and environment.
import { constants } from 'node:os';
import { runProgram } from './run-program.ts';

process.title = 'cistern';
// A reader that has seen enough, as `head` does, ends a command as it ends others of the shell: without a word.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(128 + constants.signals.SIGPIPE);
});
await runProgram(process.argv.slice(2), process);
