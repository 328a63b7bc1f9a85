// The section `http.tls.letsencrypt`: certificates by ACME. It has the keys of registry:2 and further ones.
import { isIP } from 'node:net';
import type { z } from 'zod';
import type { TcpAddress } from '@cistern/runtime/process';
import type { Secret } from '../values/secrets.ts';
import { choice, duration, filePath, listOf, program, secret, section, text } from '../values/values.ts';
import { chooseSecret, readTcpAddress, type SectionContext } from './context.ts';

const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory';

export const letsEncryptSection = section(
  "Certificates by ACME, from Let's Encrypt or another authority. With this section you accept the authority's terms. Certificates are renewed when a third of their lifetime is left.",
  {
    hosts: listOf('Names for one certificate. `*.example.com` needs `dns-01`.', text('A name.')).prefault([]),
    email: text('The email address of the account, for notices of the authority.').optional(),
    directoryurl: text('The directory URL of the authority.').prefault(letsEncrypt),
    eabkid: text(
      'The key identifier of your account, for an authority that requires external account binding.',
    ).optional(),
    eabhmackey: secret('The key of that account in base64url, as the authority shows it.').optional(),
    eabhmackeyfile: filePath('A file with the key.').optional(),
    cachefile: filePath({
      text: 'The directory where a single node keeps the account and the certificate. It is created. The nodes of a cluster keep them in the store, sealed.',
      default: 'a directory next to the index',
    }).optional(),
    challenge: choice(
      'The proof of the names: a handshake at port 443 (`tls-alpn-01`), a request at port 80 (`http-01`), or a DNS record (`dns-01`).',
      ['tls-alpn-01', 'http-01', 'dns-01'],
    ).prefault('tls-alpn-01'),
    httpaddr: text(
      'With `http-01`: the address of a listener that answers only the requests of the authority.',
    ).prefault(':80'),
    dnshook: program(
      'With `dns-01`: an executable. Cistern runs `<hook> present|cleanup <name of the TXT record> <value>`.',
    ).optional(),
    dnswait: duration('With `dns-01`: the time after the hook until the authority can see the record.').prefault('30s'),
  },
);

export interface AcmeConfig {
  readonly hosts: readonly string[];
  readonly email: string | undefined;
  /** The account for external account binding (RFC 8555, 7.3.4). `hmacKey` is base64url. */
  readonly externalAccount: { readonly kid: string; readonly hmacKey: Secret } | undefined;
  readonly directoryUrl: string;
  /** The directory for the account and the certificate. `undefined` means a directory next to the index. */
  readonly directory: string | undefined;
  readonly challenge:
    | { readonly kind: 'tls-alpn-01' }
    | { readonly kind: 'http-01'; readonly address: TcpAddress }
    | { readonly kind: 'dns-01'; readonly program: string; readonly waitMs: number };
}

const path = 'http.tls.letsencrypt';
const hostPattern = /^(?:\*\.)?(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)*[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/;

/** Returns `undefined` if the section names no hosts. As in registry:2, an empty section counts as absent. */
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
      context.report(`${path}.hosts`, `must be host names, for example cache.example.com, not "${host}"`);
    else if (host.startsWith('*.') && acme.challenge !== 'dns-01')
      context.report(`${path}.hosts`, `${host} can only be proven by dns-01: set challenge: dns-01, and dnshook`);
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
    context.report(`${path}.dnshook`, 'has no effect without dns-01: set challenge: dns-01, or remove dnshook');
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
