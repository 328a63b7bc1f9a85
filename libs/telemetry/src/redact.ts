// Redacts secrets in logs in two ways: by the names of fields (`redactFields`), and by patterns in text (`redactText`). The
// second way is needed because any message may contain a URL or a header.

const redacted = '[redacted]';

/**
 * Matches the names of fields with secrets. The names must be in lower case, without `-` and `_`. It does not match names of
 * files with secrets (`passwordfile`).
 */
const secretName =
  /^(?:proxy)?authorization$|^(?:set)?cookie2?$|^xregistryauth$|(?:password|passwd|passphrase|secret|token|credentials?|signature|secretkey|accesskey|privatekey|apikey|signingkey|sessionkey|clientkey)$/;

/** Matches the query parameters of signed URLs that contain a signature or a token (S3, GCS, Azure, CloudFront, Cloudflare). */
const secretParameter =
  /^(?:x-(?:amz|goog|ms|oss|cos|obs)-.*|.*(?:sig|sign|signature|token|hmac|password|secret|credentials?|api_?key)|_?auth|authorization|verify|policy|key-pair-id|awsaccesskeyid|ossaccesskeyid|googleaccessid)$/i;

/**
 * Matches the parameters of the registry API. Their values are never redacted, because they are only names and digests, even if
 * they are long.
 */
const plainParameter = /^(?:ns|n|last|digest|artifacttype|scope|service|mount|from|account|client_id)$/i;

const opaqueValue = /^[\w+/=%~.-]{40,}$/;
// Clients control these texts, so no pattern may backtrack over text that it has already matched. Otherwise the time would be
// quadratic in the length of the text.
const parameter = /([?&;])([^?=&;#\s"'<>\\]+)=([^&;#\s"'<>\\]*)/g;
const userInfo = /(:\/\/)[^/?#@\s"'<>\\]*@/g;
const credentials = /\b(bearer|basic)([ ]+)[\w+/=~.-]{6,}/gi;
const namedValue =
  /("[\w-]*(?:authorization|cookie|password|passwd|passphrase|secret|token|secretkey|accesskey)\\*"\s*:\s*\\*")((?:[^"\\]|\\(?!"))+)/gi;

/**
 * The most field names whose result is cached, because field names repeat with every line. The limit prevents clients from
 * filling the memory with names.
 */
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

/**
 * Redacts the user info of a URL, and query values that look like signatures or tokens. `url` is a whole URL, or a path with a
 * query.
 */
export function redactUrl(url: string): string {
  // Most URLs contain no secret. The search for these characters takes a tenth of the time of the patterns.
  if (!url.includes('=') && !url.includes('@')) return url;
  return url.replaceAll(userInfo, `$1${redacted}@`).replaceAll(parameter, redactParameter);
}

/** Redacts secrets in URLs in a text as `redactUrl` does, and credentials in headers and in JSON. Valid JSON stays valid. */
export function redactText(text: string): string {
  const shown = redactUrl(text);
  if (!secretHint.test(shown)) return shown;
  return shown.replaceAll(credentials, `$1$2${redacted}`).replaceAll(namedValue, `$1${redacted}`);
}

/** A quick test before `credentials` and `namedValue`, neither of which can match a text without one of these words. */
const secretHint = /bearer|basic|authorization|cookie|passw|passphrase|secret|token|accesskey/i;

const maxDepth = 8;

function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Copies plain objects and arrays, and redacts every field whose name is that of a secret, at any depth. `replace` converts
 * instances of classes, such as errors. By default, instances are returned unchanged.
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
    // This field is skipped, because an assignment to it would set the copy's prototype.
    if (name === '__proto__') continue;
    copy[name] = isSecret ? redacted : redactFields(item, replace, depth + 1);
  }
  return copy;
}
