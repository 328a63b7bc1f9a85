export { identityFiles } from './identity-files.ts';
export type { IdentityFiles } from './identity-files.ts';
export { CertificateError } from './key-pair.ts';
export { openServerTls } from './open-server-tls.ts';
export type { ServerTls, ServerTlsOptions } from './open-server-tls.ts';
