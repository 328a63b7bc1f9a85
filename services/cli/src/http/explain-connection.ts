// Explains why a request to a server got no response, and names the fix.

interface Texts {
  /** The fix if this machine does not trust the CA of the server. */
  readonly trust: string;
  /** The time limit of the request. */
  readonly limit: string;
}

type Cause = readonly [RegExp, string | ((texts: Texts) => string)];

const causes: readonly Cause[] = [
  [/ENOTFOUND|EAI_AGAIN/, 'this machine cannot resolve the name: check DNS and the spelling'],
  [/ECONNREFUSED/, 'nothing listens there: check the port, and that the server runs'],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/, 'there is no route to it: check routes and firewalls'],
  [
    /TimeoutError|AbortError|UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT/,
    ({ limit }) => `it sends no response within ${limit}: check firewalls, and any proxy in front of it`,
  ],
  [
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/,
    ({ trust }) => `this machine does not trust the CA of its certificate: ${trust}`,
  ],
  [/ERR_TLS_CERT_ALTNAME_INVALID/, 'its certificate is for another name: use a name of the certificate'],
  [/CERT_HAS_EXPIRED/, 'its certificate has expired: renew it, or check the clock of this machine'],
  [/CERT_NOT_YET_VALID/, 'its certificate is not valid yet: check the clock of this machine'],
  [/CERTIFICATE_REQUIRED/, 'it requires a client certificate'],
  [/EPROTO|WRONG_VERSION_NUMBER/, 'it does not speak TLS there: is it http:// ?'],
  [
    /ECONNRESET|socket hang up|HPE_/,
    'it closes the connection: does it need https://, a client certificate, or a PROXY header?',
  ],
];

/** Returns the reason with the fix, without a full stop. Returns the error's message for errors that are no failed connection. */
export function explainConnection(error: unknown, texts: Texts): string {
  const { code = '', name, message } = error as NodeJS.ErrnoException;
  const text = `${code} ${name} ${message}`;
  const cause = causes.find(([pattern]) => pattern.test(text))?.[1] ?? message;
  return typeof cause === 'string' ? cause : cause(texts);
}
