import { fileURLToPath } from 'node:url';

/** The folder with the configuration of the servers around Cistern. */
export const infra = fileURLToPath(new URL('../../../infra', import.meta.url));
