// The process: the only place that touches its arguments and environment.
import { runProgram } from './run-program.ts';

process.title = 'cistern';
await runProgram(process.argv.slice(2), process);
