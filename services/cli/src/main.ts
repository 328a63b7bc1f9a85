// The process: the only place that touches its arguments and environment.
import { buildProgram } from './build-program.ts';

process.title = 'cistern';
await buildProgram(process).parseAsync();
