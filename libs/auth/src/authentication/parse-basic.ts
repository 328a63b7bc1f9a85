// The Basic scheme of RFC 7617: strict, so that two programs never read two users out of one header.

export interface BasicCredentials {
  readonly user: string;
  readonly password: string;
}

const scheme = /^basic +([A-Za-z0-9+/]+={0,2})$/i;
// RFC 7617, 2: neither may contain control characters.
const controls = /\p{Cc}/u;

/** `undefined` for another scheme and for what is malformed: base64, UTF-8, no colon. */
export function parseBasic(authorization: string): BasicCredentials | undefined {
  const encoded = scheme.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  // Node's decoder passes over what is not base64, and over bits that are left.
  if (bytes.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '')) return undefined;
  const text = decodeUtf8(bytes);
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon === -1 || controls.test(text)) return undefined;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
