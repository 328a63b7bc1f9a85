/**
 * The cipher suites of our servers where the configuration names none, the best first, in OpenSSL's notation. TLS 1.2 has those
 * with forward secrecy and authenticated encryption (RFC 9325, section 4.2), TLS 1.3 all. Node.js allows more, such as
 * AES256-SHA, with which a leaked key opens recorded connections.
 */
export const modernCiphers = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');
