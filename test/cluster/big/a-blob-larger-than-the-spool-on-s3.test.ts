// Sends 4 GiB through 40 MiB of spool into a real S3 server, which needs 4 GiB of disk space.
import { test } from 'node:test';
import { runLargerThanSpool } from '../src/larger-than-spool.ts';
import { bigSize } from '../src/big-size.ts';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

test('a blob of 4 GiB passes through 40 MiB of spool into a real S3 server', async (t) => {
  const size = Math.min(bigSize(4 * gibibyte), 4 * gibibyte);
  await runLargerThanSpool(t, {
    size,
    spool: { maxBytes: 40 * mebibyte, perFillBytes: 40 * mebibyte },
    slow: { bytesPerSecond: 1_000_000, leavesAfterBytes: Math.floor(size / 100) },
    lateAt: 0.3,
    isRealS3: true,
  });
});
