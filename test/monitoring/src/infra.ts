import { fileURLToPath } from 'node:url';

/** The folder with what runs around Cistern. */
export const infra = fileURLToPath(new URL('../../../infra', import.meta.url));
