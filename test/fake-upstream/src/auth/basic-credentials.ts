// Parses Basic credentials (RFC 7617).
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export function parseBasic(authorization: string | undefined): Credentials | undefined {
  const [, encoded] = /^basic (\S+)$/i.exec(authorization ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const [username = '', ...rest] = Buffer.from(encoded, 'base64').toString().split(':');
  return { username, password: rest.join(':') };
}
