// Who may pull, as the configuration says.
import { acceptEverybody, type Authenticator, openHtpasswdAuthenticator } from '@cistern/auth';
import { type Config, ConfigError } from '@cistern/config';
import type { Logger } from '@cistern/telemetry';

/** Rejects with ConfigError for a file that only the nodes that serve clients need to have. */
export async function openAuthenticator({ auth }: Pick<Config, 'auth'>, log: Logger): Promise<Authenticator> {
  const { htpasswd } = auth;
  if (htpasswd === undefined) return acceptEverybody();
  try {
    return await openHtpasswdAuthenticator({ ...htpasswd, log });
  } catch (error) {
    throw new ConfigError('The configuration', [{ path: 'auth.htpasswd.path', message: (error as Error).message }]);
  }
}
