import { fileURLToPath } from 'node:url';

/** The path of the launcher with which users start nodes. */
export const launcher = fileURLToPath(new URL('../../../services/cli/launch/cistern.mjs', import.meta.url));
