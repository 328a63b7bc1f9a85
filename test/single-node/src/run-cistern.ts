// The `cistern` command: in the process of the test for what ends by itself, by its launcher for a node.
import { fileURLToPath } from 'node:url';

export { runCommand as runCistern } from '@cistern/cli/testing/start-command';

export const launcher = fileURLToPath(new URL('../../../services/cli/launch/cistern.mjs', import.meta.url));
