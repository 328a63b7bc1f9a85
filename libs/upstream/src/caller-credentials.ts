/** What somebody else shows an upstream, which alone can judge it. Secret: it is neither kept nor logged. */
export type CallerCredentials =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** Issued by the upstream, or by its token server. */
  | { readonly kind: 'token'; readonly token: string };
