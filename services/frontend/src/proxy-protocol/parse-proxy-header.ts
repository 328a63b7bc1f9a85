// Parses the header of the PROXY protocol, versions 1 and 2, as in haproxy's proxy-protocol.txt. The parser is a pure function of
// the bytes that have arrived so far (decision 0012).
import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** The client behind a proxy. */
export interface ProxiedClient {
  readonly address: string;
  readonly port: number;
  readonly family: 'IPv4' | 'IPv6';
}

/**
 * `incomplete`: more bytes are needed. `header`: the first `length` bytes are a header. `client` is `undefined` if the connection
 * is the proxy's own (a health check), or if it is not TCP over IP. `invalid`: no further bytes can make a valid header.
 */
export type ParsedProxyHeader =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'header'; readonly length: number; readonly client: ProxiedClient | undefined }
  | { readonly kind: 'invalid'; readonly reason: string };

const lineStart = Buffer.from('PROXY ');
/** The longest header of version 1 that the specification allows, including its line break. */
const maxLineBytes = 107;

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n');
const binaryHeadBytes = 16;
/**
 * The longest header of version 2 that is accepted. Addresses take 36 bytes, and data about TLS a few hundred. The length field
 * would allow 65,535 bytes.
 */
const maxBinaryBytes = 4096;

const incomplete = { kind: 'incomplete' } as const;

/** `bytes` are the first bytes of the connection. */
export function parseProxyHeader(bytes: Buffer): ParsedProxyHeader {
  if (agree(bytes, lineStart)) return parseLine(bytes);
  if (agree(bytes, signature)) return parseBinary(bytes);
  return invalid('the connection does not begin with a header');
}

/** Returns whether `bytes` and `start` are equal up to the length of the shorter one. */
function agree(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

function parseLine(bytes: Buffer): ParsedProxyHeader {
  const text = bytes.subarray(0, maxLineBytes).toString('latin1');
  const end = text.indexOf('\r\n');
  if (end === -1) return text.length < maxLineBytes ? incomplete : invalid(`the line exceeds ${maxLineBytes} bytes`);
  const [, protocol, address = '', destination = '', port = '', destinationPort = '', ...more] = text
    .slice(0, end)
    .split(' ');
  const length = end + '\r\n'.length;
  // The specification requires that the rest of the line is ignored.
  if (protocol === 'UNKNOWN') return { kind: 'header', length, client: undefined };
  if (protocol !== 'TCP4' && protocol !== 'TCP6') return invalid('the line has an unknown protocol');
  const isAddress = protocol === 'TCP4' ? isIPv4 : isIPv6;
  if (!isAddress(address) || !isAddress(destination) || !isPort(port) || !isPort(destinationPort) || more.length > 0)
    return invalid('the line does not have two addresses and two ports');
  return { kind: 'header', length, client: clientOf(protocol === 'TCP4', address, Number(port)) };
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function parseBinary(bytes: Buffer): ParsedProxyHeader {
  if (bytes.length < binaryHeadBytes) return incomplete;
  const command = bytes.readUInt8(12);
  const [family, transport] = [bytes.readUInt8(13) >> 4, bytes.readUInt8(13) & 0xf];
  const length = binaryHeadBytes + bytes.readUInt16BE(14);
  if (command !== 0x20 && command !== 0x21) return invalid('the version or command is unknown');
  if (family > 3 || transport > 2) return invalid('the protocol is unknown');
  if (length > maxBinaryBytes) return invalid(`the header has ${length} bytes, more than ${maxBinaryBytes}`);
  if (bytes.length < length) return incomplete;
  const isOfTcp = command === 0x21 && transport === 1;
  if (!isOfTcp || family < 1 || family > 2) return { kind: 'header', length, client: undefined };
  const addressBytes = family === 1 ? 4 : 16;
  const addresses = bytes.subarray(binaryHeadBytes, length);
  if (addresses.length < 2 * (addressBytes + 2)) return invalid('the header is too short for its addresses');
  const address = formatAddress(addresses.subarray(0, addressBytes));
  return { kind: 'header', length, client: clientOf(family === 1, address, addresses.readUInt16BE(2 * addressBytes)) };
}

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  return (bytes.toString('hex').match(/.{4}/g) ?? []).join(':');
}

function clientOf(isIpv4: boolean, address: string, port: number): ProxiedClient {
  // `SocketAddress` formats the address as the operating system does for other connections.
  const family = isIpv4 ? 'ipv4' : 'ipv6';
  return { address: new SocketAddress({ address, family }).address, port, family: isIpv4 ? 'IPv4' : 'IPv6' };
}

function invalid(reason: string): ParsedProxyHeader {
  return { kind: 'invalid', reason };
}
