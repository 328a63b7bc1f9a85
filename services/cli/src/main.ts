// The process: the only place that touches its arguments and environment.
import { buildProgram } from './build-program.ts';

process.title = 'cistern';
const program = await buildProgram(process, process.argv);
await program.parseAsync();
