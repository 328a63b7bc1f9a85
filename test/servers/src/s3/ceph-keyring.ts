// Creates Ceph's secret keys. They are required: without authentication the gateway cannot log in to the monitor.
import { randomBytes } from 'node:crypto';

const everything = 'allow *';

const capabilities: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'mon.': { mon: everything },
  'client.admin': { mon: everything, osd: everything },
  'osd.0': { mon: 'allow profile osd', osd: everything },
  'client.rgw': { mon: 'allow rw', osd: 'allow rwx' },
};

/** Returns a keyring file with a new key for every part of the cluster. */
export function cephKeyring(): string {
  return Object.entries(capabilities)
    .map(([name, caps]) => {
      const lines = Object.entries(caps).map(([part, allowed]) => `\tcaps ${part} = "${allowed}"`);
      return `[${name}]\n\tkey = ${newKey()}\n${lines.join('\n')}\n`;
    })
    .join('');
}

/** Creates a key like `ceph-authtool --gen-print-key`: type 1 (AES), time of creation, length, 16 bytes. */
function newKey(): string {
  const header = Buffer.alloc(12);
  header.writeUInt16LE(1, 0);
  // real-time: a key contains the time of its creation
  header.writeUInt32LE(Math.floor(Date.now() / 1000), 2);
  header.writeUInt16LE(16, 10);
  return Buffer.concat([header, randomBytes(16)]).toString('base64');
}
