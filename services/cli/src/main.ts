// The process: the only place that touches its arguments and environment.
import { buildProgram } from './build-program.ts';
import { translateRegistryCommand } from './registry-command.ts';

process.title = 'cistern';
const args = translateRegistryCommand(process.argv.slice(2));
const program = await buildProgram(process, args);
await program.parseAsync(args, { from: 'user' });
