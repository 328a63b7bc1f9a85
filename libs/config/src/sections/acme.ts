// Certificates by ACME: registry:2's `letsencrypt`, and what it lacks.
import { isIP } from 'node:net';
import type { z } from 'zod';
import type { TcpAddress } from '@cistern/runtime/process';
import type { Secret } from '../values/secrets.ts';
import { choice, duration, filePath, listOf, program, secret, section, text } from '../values/values.ts';
import { chooseSecret, readTcpAddress, type SectionContext } from './context.ts';

const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory';

export const letsEncryptSection = section(
  "Certificates by ACME, from Let's Encrypt or another authority, whose terms are agreed to by this. Renewed with a third of their life left.",
  {
    hosts: listOf('Names to get one certificate for; `*.example.com` too, with `dns-01`.', text('A name.')).prefault(
      [],
    ),
    email: text("The address of the account, for the authority's notes.").optional(),
    directoryurl: text('The directory of the authority.').prefault(letsEncrypt),
    eabkid: text(
      'For an authority that wants to know whose the account is (external account binding): what it calls you.',
    ).optional(),
    eabhmackey: secret('The key that it has given you for that, in base64url.').optional(),
    eabhmackeyfile: filePath('A file that holds it.').optional(),
    cachefile: filePath({
      text: 'The directory where a single node keeps the account and the certificate; it is created. The nodes of a cluster keep them in the store, sealed.',
      default: 'a directory beside the index',
    }).optional(),
    challenge: choice(
      'How names are proven: by a handshake at port 443 of each, by a request at port 80 of each, or by records in the DNS.',
      ['tls-alpn-01', 'http-01', 'dns-01'],
    ).prefault('tls-alpn-01'),
    httpaddr: text('With `http-01`: where its requests are answered, and nothing else.').prefault(':80'),
    dnshook: program(
      'With `dns-01`: an executable that is called as `<hook> present|cleanup <name of the TXT record> <value>`.',
    ).optional(),
    dnswait: duration('With `dns-01`: how long after that the authority sees the record.').prefault('30s'),
  },
);

export interface AcmeConfig {
  readonly hosts: readonly string[];
  readonly email: string | undefined;
  /** External account binding (RFC 8555, 7.3.4): `hmacKey` is base64url. */
  readonly externalAccount: { readonly kid: string; readonly hmacKey: Secret } | undefined;
  readonly directoryUrl: string;
  /** `undefined`: beside the index. */
  readonly directory: string | undefined;
  readonly challenge:
    | { readonly kind: 'tls-alpn-01' }
    | { readonly kind: 'http-01'; readonly address: TcpAddress }
    | { readonly kind: 'dns-01'; readonly program: string; readonly waitMs: number };
}

const path = 'http.tls.letsencrypt';
const hostPattern = /^(?:\*\.)?(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)*[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/;

/** `undefined`: as in registry:2, a section that says nothing is none. */
export function buildAcme(acme: z.output<typeof letsEncryptSection>, context: SectionContext): AcmeConfig | undefined {
  const { email, directoryurl, cachefile } = acme;
  const hosts = [...new Set(acme.hosts.map((host) => host.toLowerCase()))];
  if (hosts.length === 0) {
    if (cachefile !== undefined || email !== undefined)
      context.report(`${path}.hosts`, 'is required: the names that clients use, for example [cache.example.com]');
    return undefined;
  }
  for (const host of hosts)
    if (!hostPattern.test(host) || isIP(host) !== 0)
      context.report(`${path}.hosts`, `must be names of hosts, for example cache.example.com, not "${host}"`);
    else if (host.startsWith('*.') && acme.challenge !== 'dns-01')
      context.report(`${path}.hosts`, `${host} can be proven by dns-01 alone: set challenge to it, and dnshook`);
  if (URL.parse(directoryurl)?.protocol !== 'https:')
    context.report(`${path}.directoryurl`, `must be a URL that begins with https://, for example ${letsEncrypt}`);
  const challenge = buildChallenge(acme, context);
  const externalAccount = buildExternalAccount(acme, context);
  return { hosts, email, externalAccount, directoryUrl: directoryurl, directory: cachefile, challenge };
}

function buildExternalAccount(
  { eabkid: kid, eabhmackey, eabhmackeyfile }: z.output<typeof letsEncryptSection>,
  context: SectionContext,
): AcmeConfig['externalAccount'] {
  const hmacKey = chooseSecret(context, `${path}.eabhmackey`, { value: eabhmackey, file: eabhmackeyfile });
  if (kid === undefined && hmacKey === undefined) return undefined;
  if (kid === undefined) context.report(`${path}.eabkid`, 'is required with eabhmackey: the authority gives you both');
  else if (hmacKey === undefined)
    context.report(`${path}.eabhmackey`, 'is required with eabkid: the authority gives you both');
  else if (!/^[\w-]+={0,2}$/.test(hmacKey.reveal()))
    context.report(`${path}.eabhmackey`, 'must be base64url, as the authority shows it');
  else return { kid, hmacKey };
  return undefined;
}

function buildChallenge(
  { challenge, httpaddr, dnshook, dnswait }: z.output<typeof letsEncryptSection>,
  context: SectionContext,
): AcmeConfig['challenge'] {
  if (challenge !== 'dns-01' && dnshook !== undefined)
    context.report(`${path}.dnshook`, 'needs challenge: dns-01; nothing would call it');
  switch (challenge) {
    case 'tls-alpn-01':
      return { kind: challenge };
    case 'http-01':
      return { kind: challenge, address: readTcpAddress(context, `${path}.httpaddr`, httpaddr) };
    case 'dns-01':
      if (dnshook === undefined)
        context.report(`${path}.dnshook`, 'is required: an executable that sets and removes a TXT record');
      return { kind: challenge, program: dnshook ?? '', waitMs: dnswait };
    default:
      return challenge satisfies never;
  }
}
