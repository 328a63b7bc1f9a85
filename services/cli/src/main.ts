// The entry point. It is the only file that reads the arguments and the environment of the process.
import { constants } from 'node:os';
import { runProgram } from './run-program.ts';

process.title = 'cistern';
// A reader such as `head` may close standard output early. The command then ends silently, as other shell commands do.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(128 + constants.signals.SIGPIPE);
});
await runProgram(process.argv.slice(2), process);
