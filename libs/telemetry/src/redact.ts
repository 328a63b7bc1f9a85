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

export function isSecretName(name: string): boolean {
  return secretName.test(name.toLowerCase().replaceAll(/[-_]/g, ''));
}

function redactParameter(match: string, separator: string, name: string, value: string): string {
  if (value === '' || plainParameter.test(name)) return match;
  return secretParameter.test(name) || opaqueValue.test(value) ? `${separator}${name}=${redacted}` : match;
}

/** Hides user info and query values that look like signatures or tokens; takes a whole URL or a path with a query. */
export function redactUrl(url: string): string {
  return url.replaceAll(userInfo, `$1${redacted}@`).replaceAll(parameter, redactParameter);
}

/** `redactUrl` for every URL in a text, and credentials as they stand in headers and in JSON. Valid JSON stays valid. */
export function redactText(text: string): string {
  return redactUrl(text).replaceAll(credentials, `$1$2${redacted}`).replaceAll(namedValue, `$1${redacted}`);
}

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
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      item !== undefined && item !== null && isSecretName(name) ? redacted : redactFields(item, replace, depth + 1),
    ]),
  );
}
