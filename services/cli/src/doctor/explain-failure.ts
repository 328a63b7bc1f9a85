// Why a cache cannot be reached, and what would mend it.

const causes: readonly (readonly [RegExp, string])[] = [
  [/ENOTFOUND|EAI_AGAIN/, 'the name is not known here: look at DNS, or at how it is spelt'],
  [/ECONNREFUSED/, 'nothing listens there: look at the port, and whether the cache runs'],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/, 'the way there is closed: look at routes and firewalls'],
  [
    /TimeoutError|aborted due to timeout/,
    'it does not answer within 30 s: look at firewalls, and at what is before the cache',
  ],
  [
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/,
    'this machine does not know who signed its certificate: give the authority by --ca, and to clients too',
  ],
  [/ERR_TLS_CERT_ALTNAME_INVALID/, 'its certificate is for another name: clients must use one that is in it'],
  [/CERT_HAS_EXPIRED/, 'its certificate has expired: renew it, or look at the clock of this machine'],
  [/CERT_NOT_YET_VALID/, 'its certificate is not valid yet: look at the clock of this machine'],
  [/CERTIFICATE_REQUIRED/, 'it wants a certificate of clients (http.tls.clientcas)'],
  [/EPROTO|WRONG_VERSION_NUMBER/, 'it does not speak TLS there: is it http:// ?'],
  [
    /ECONNRESET|socket hang up|HPE_/,
    'it closes the connection: does it want https://, a client certificate, or a PROXY header?',
  ],
];

export function explainFailure(error: unknown): string {
  const { code = '', name, message } = error as NodeJS.ErrnoException;
  const text = `${code} ${name} ${message}`;
  return causes.find(([pattern]) => pattern.test(text))?.[1] ?? message;
}
