import { fileURLToPath } from 'node:url';

/** The launcher that users start nodes with. */
export const launcher = fileURLToPath(new URL('../../../services/cli/launch/cistern.mjs', import.meta.url));
