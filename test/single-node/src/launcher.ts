import { fileURLToPath } from 'node:url';

/** Starts a node as users start it. */
export const launcher = fileURLToPath(new URL('../../../services/cli/launch/cistern.mjs', import.meta.url));
