// The real `cistern` command of this work tree.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const node = join(repository, 'node_modules', '.bin', 'node');
// The launcher starts another process unless it runs on the pinned Node; here it does, so the process is Cistern itself.
const launcher = join(repository, 'services', 'cli', 'launch', 'cistern.mjs');

/** The command and its first arguments. */
export const cisternCommand: readonly [string, ...string[]] = [node, launcher];
