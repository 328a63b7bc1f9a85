// Keeps secrets out of logs. Two nets: by the name of a field (`redactFields`), and by what a text looks like
// (`redactText`), because a URL or a header may turn up inside any message.

const redacted = '[redacted]';

/** Compared with names in lower case and without `-` and `_`. Names of files (`passwordfile`) are no secrets. */
const secretName =
  /^(?:proxy)?authorization$|^(?:set)?cookie2?$|^xregistryauth$|(?:password|passwd|passphrase|secret|token|credentials?|signature|secretkey|accesskey|privatekey|apikey|signingkey|sessionkey|clientkey)$/;

/** Query parameters that carry a signature or a token of a signed URL (S3, GCS, Azure, CloudFront, Cloudflare). */
const secretParameter =
  /^(?:x-(?:amz|goog|ms|oss|cos|obs)-.*|.*(?:sig|sign|signature|token|hmac|password|secret|credentials?|api_?key)|_?auth|authorization|verify|policy|key-pair-id|awsaccesskeyid|ossaccesskeyid|googleaccessid)$/i;

/** Parameters of the registry API, whose values are names and digests however long they are. */
const plainParameter = /^(?:ns|n|last|digest|artifacttype|scope|service|mount|from|account|client_id)$/i;

const opaqueValue = /^[\w+/=%~.-]{40,}$/;
// Texts come from strangers: no pattern may start again inside what it has just run over, or a long one takes for ever.
const parameter = /([?&;])([^?=&;#\s"'<>\\]+)=([^&;#\s"'<>\\]*)/g;
const userInfo = /(:\/\/)[^/?#@\s"'<>\\]*@/g;
const credentials = /\b(bearer|basic)([ ]+)[\w+/=~.-]{6,}/gi;
const namedValue =
  /("[\w-]*(?:authorization|cookie|password|passwd|passphrase|secret|token|secretkey|accesskey)\\*"\s*:\s*\\*")((?:[^"\\]|\\(?!"))+)/gi;

/** Names of fields come again with every line. What strangers send as names must not fill the memory. */
const maxKnownNames = 1000;
const knownNames = new Map<string, boolean>();

export function isSecretName(name: string): boolean {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  const isSecret = secretName.test(name.toLowerCase().replaceAll(/[-_]/g, ''));
  if (knownNames.size < maxKnownNames) knownNames.set(name, isSecret);
  return isSecret;
}

function redactParameter(match: string, separator: string, name: string, value: string): string {
  if (value === '' || plainParameter.test(name)) return match;
  return secretParameter.test(name) || opaqueValue.test(value) ? `${separator}${name}=${redacted}` : match;
}

/** Hides user info and query values that look like signatures or tokens; takes a whole URL or a path with a query. */
export function redactUrl(url: string): string {
  // Of most there is nothing to hide, and to look for one character is a tenth of the work.
  if (!url.includes('=') && !url.includes('@')) return url;
  return url.replaceAll(userInfo, `$1${redacted}@`).replaceAll(parameter, redactParameter);
}

/** `redactUrl` for every URL in a text, and credentials as they stand in headers and in JSON. Valid JSON stays valid. */
export function redactText(text: string): string {
  const shown = redactUrl(text);
  if (!secretWord.test(shown)) return shown;
  return shown.replaceAll(credentials, `$1$2${redacted}`).replaceAll(namedValue, `$1${redacted}`);
}

/** Without one of these words neither pattern above can match. */
const secretWord = /bearer|basic|authorization|cookie|passw|passphrase|secret|token|accesskey/i;

const maxDepth = 8;

function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * A copy of plain objects and arrays in which the value of every field with a secret's name is hidden, at any depth;
 * `replace` may take over other values (errors). Instances of classes are returned as they are.
 */
export function redactFields(
  value: unknown,
  replace: (value: object) => unknown = (instance) => instance,
  depth = 0,
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxDepth) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => redactFields(item, replace, depth + 1));
  if (!isPlainObject(value)) return replace(value);
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const item = value[name];
    const isSecret = item !== undefined && item !== null && isSecretName(name);
    // An own field of this name would otherwise become the copy's prototype.
    if (name === '__proto__') continue;
    copy[name] = isSecret ? redacted : redactFields(item, replace, depth + 1);
  }
  return copy;
}
