// Reads the credentials of `docker login` from docker's config.json, or from the helpers that it names.
import { fileText } from '@cistern/runtime';
import { dockerServers, type Helper, openHelper } from './credential-helper.ts';
import { type CredentialSource, identityToken, unreadable, type UpstreamCredentials } from './credential-source.ts';

export interface DockerConfigOptions {
  readonly name: string;
  /** The path of config.json. */
  readonly path: string;
  /** Host and port of the registry. */
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

interface DockerConfig {
  readonly auths?: Readonly<
    Record<string, { username?: string; password?: string; auth?: string; identitytoken?: string }>
  >;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

const helperName = /^[\w.-]+$/;

/** Returns a source of credentials. Requests to a registry without a login are anonymous. */
export function dockerConfig({ name, path, host, clock }: DockerConfigOptions): CredentialSource {
  const text = fileText(path);
  const servers = dockerServers(host);
  const helpers = new Map<string, Helper>();

  function readFrom(program: string, signal: AbortSignal): Promise<UpstreamCredentials | undefined> {
    if (!helperName.test(program)) throw unreadable(`${path} names a credential helper that is not a program name`);
    const known = helpers.get(program);
    const helper = known ?? openHelper({ program: `docker-credential-${program}`, server: servers[0], clock });
    if (known === undefined) helpers.set(program, helper);
    return helper.read(signal);
  }

  async function readConfig(): Promise<DockerConfig> {
    try {
      return (JSON.parse(await text()) ?? {}) as DockerConfig;
    } catch (error) {
      // The message of the JSON parser may quote secrets of the file, so it is omitted.
      const why =
        error instanceof SyntaxError
          ? 'is not JSON'
          : `cannot be read (${String((error as NodeJS.ErrnoException).code)})`;
      throw unreadable(`the file ${path} ${why}`);
    }
  }

  return {
    name,
    async read(signal) {
      const { credHelpers = {}, auths = {}, credsStore } = await readConfig();
      const helper = servers.map((server) => credHelpers[server]).find((found) => found !== undefined);
      if (helper !== undefined) return readFrom(helper, signal);
      const entry = servers.map((server) => auths[server]).find((found) => found !== undefined);
      const written = entry && credentialsOf(entry);
      if (written !== undefined || credsStore === undefined || credsStore === '') return written;
      return readFrom(credsStore, signal);
    },
    forget() {
      for (const helper of helpers.values()) helper.forget();
    },
  };
}

function credentialsOf({
  username,
  password,
  auth,
  identitytoken,
}: NonNullable<DockerConfig['auths']>[string]): UpstreamCredentials | undefined {
  if (identitytoken) return identityToken(identitytoken);
  if (username && password) return { username, password };
  const [, user, secret] = /^([^:]+):([\s\S]+?)\0*$/.exec(Buffer.from(auth ?? '', 'base64').toString('utf8')) ?? [];
  return user === undefined || secret === undefined ? undefined : { username: user, password: secret };
}
